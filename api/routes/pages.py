"""The static pages. The acknowledge page is the same file for every link: its token stays in the URL's fragment."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

WEB = Path(__file__).resolve().parent.parent / "web"


def pages_router(*, has_docs: bool) -> APIRouter:
    """Return the routes of the pages; /docs only when asked for."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def start_page() -> FileResponse:
        return FileResponse(WEB / "index.html")

    @router.get("/a")
    async def acknowledge_page() -> FileResponse:
        return FileResponse(WEB / "acknowledge.html")

    if has_docs:

        @router.get("/docs")
        async def docs_page() -> FileResponse:
            return FileResponse(WEB / "docs.html")

    return router
