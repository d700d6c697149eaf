"""A codec's output as plain JSON objects, for people who write a mapping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from devices.codec_js import Odd
from devices.codec_mapping import CodecMapping, flatten
from devices.quantities import quantity


def show_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"data"}`; where the codec gave what JSON cannot say there is null, and `odd` names path and word."""
    odd = {path: leaf.word for path, leaf in flatten(data) if isinstance(leaf, Odd)}
    shown: dict[str, Any] = {"data": _plain(data)}
    return shown | {"odd": odd} if odd else shown


def show_values(mapping: CodecMapping, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"values", "units", "unmapped"}`: what is published, null where bad, and the paths that are not."""
    values = {key: None if math.isnan(value) else value for key, value in sorted(mapping.values(data).items())}
    units = {key: quantity(key).unit for key in values}
    return {"values": values, "units": units, "unmapped": mapping.unmapped(data)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, Odd) else value
