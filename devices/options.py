"""Reads the options a site gives a device or a source: strictly, and all slips at once."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from devices.model import Options, PermanentError

Wanted = TypeVar("Wanted", bound=BaseModel)

_SHOWN_CHARS = 60
_WORDS = {"missing": "is needed", "extra_forbidden": "is unknown"}


class AskedOptions(dict[str, Any]):
    """An empty table of options that notes which options it could have been: for `satomori devices show`."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[type[BaseModel]] = []


def read_options(wanted: type[Wanted], options: Options, *, of: str) -> Wanted:
    """Return `options` as `wanted` (a frozen pydantic model with `extra="forbid"`).

    Raises PermanentError naming the model `of` and every option that is wrong, each with what it was given.
    """
    if isinstance(options, AskedOptions):
        options.wanted.append(wanted)
    try:
        return wanted.model_validate(dict(options))
    except ValidationError as error:
        slips = [_slip(dict(detail)) for detail in error.errors(include_url=False)]
    raise PermanentError(f"options of {of}: {'; '.join(slips)}")


def _slip(detail: dict[str, object]) -> str:
    loc = detail["loc"]
    name = ".".join(str(part) for part in loc) if isinstance(loc, tuple) and loc else "together"
    kind = str(detail["type"])
    if kind in _WORDS:
        return f"{name} {_WORDS[kind]}"
    return f"{name}: {detail['msg']} (got {str(detail['input'])[:_SHOWN_CHARS]!r})"
