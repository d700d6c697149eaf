"""The rest of a Site that has problems: what is right in it, so that its references can be looked at all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo


def construct(model: type[BaseModel], raw: object) -> BaseModel:
    """Return a `model` with the fields of `raw` that are valid; others have their default, or an empty text.

    A text that breaks a rule (an id with a blank) stays, so that what refers to it still finds it. Never raises.
    """
    try:
        return model.model_validate(raw)
    except ValidationError:
        table = raw if isinstance(raw, Mapping) else {}
    values: dict[str, Any] = {name: _value(field, table, name) for name, field in model.model_fields.items()}
    return model.model_construct(**values)


def _value(field: FieldInfo, table: Mapping[str, Any], name: str) -> object:
    if name not in table:
        return _default(field)
    raw = table[name]
    if _is_model(field.annotation):
        return construct(field.annotation, raw)  # type: ignore[arg-type]
    item = get_args(field.annotation)[:1] if get_origin(field.annotation) is tuple else ()
    if item and _is_model(item[0]):
        return tuple(construct(item[0], part) for part in raw) if isinstance(raw, list) else ()
    try:
        kind: Any = Annotated[field.annotation, field]
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError:
        return raw if isinstance(raw, str) else _default(field)


def _default(field: FieldInfo) -> object:
    if not field.is_required():
        return field.get_default(call_default_factory=True)
    if _is_model(field.annotation):
        return construct(field.annotation, {})  # type: ignore[arg-type]
    return () if get_origin(field.annotation) is tuple else ""


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
