"""Errors as people and programs can read them: `application/problem+json` (RFC 9457), never a stack trace."""

from __future__ import annotations

import json
import logging
import sqlite3
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from devices.model import SatomoriError

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
_MOST_ERRORS = 20


class RefusedError(Exception):
    """A request that is answered with a clear no: `status` and a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem_bytes(*, status: int, detail: str, errors: list[dict[str, str]] | None = None) -> bytes:
    """Return the JSON body of a problem. Text that is no valid Unicode is replaced, never a second error."""
    body: dict[str, Any] = {"type": "about:blank", "title": _title(status), "status": status, "detail": detail}
    if errors:
        body["errors"] = errors
    return json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")


def problem(*, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return a problem as a response."""
    return Response(
        problem_bytes(status=status, detail=detail), status_code=status, media_type=PROBLEM_TYPE, headers=headers
    )


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _validation_errors(error: RequestValidationError) -> list[dict[str, str]]:
    # The input itself is not echoed: it may be large, personal, or no valid JSON value at all.
    return [
        {"where": ".".join(str(part) for part in item.get("loc", ())), "message": str(item.get("msg", ""))}
        for item in error.errors()[:_MOST_ERRORS]
    ]


def install_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error as a problem. Handlers look at the error only, so they keep no state."""

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        errors = _validation_errors(error)
        detail = "; ".join(f"{item['where']}: {item['message']}" for item in errors)
        return Response(
            problem_bytes(status=422, detail=detail, errors=errors), status_code=422, media_type=PROBLEM_TYPE
        )

    @app.exception_handler(RefusedError)
    async def _refused(request: Request, error: RefusedError) -> Response:
        return problem(status=error.status, detail=error.detail)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return problem(status=error.status_code, detail=str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(SatomoriError)
    async def _store_failed(request: Request, error: SatomoriError) -> Response:
        return _unavailable(request, error)

    @app.exception_handler(sqlite3.Error)
    async def _database_failed(request: Request, error: sqlite3.Error) -> Response:
        return _unavailable(request, error)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        # The server logs the traceback itself; the world gets none of it.
        return problem(status=500, detail="something went wrong here; the log says what")


def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("request_failed_for_now", extra={"path": request.url.path, "error": type(error).__name__})
    return problem(status=503, detail="the data cannot be read just now; try again", headers={"Retry-After": "2"})
