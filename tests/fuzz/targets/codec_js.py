"""Files that people put beside a JavaScript codec: mapping, examples, and what any data is mapped to.

The engine itself is not fuzzed with a million inputs here (a decode takes about a millisecond); `codec_js` feeds
payloads to a codec of ours that decodes whatever it gets.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from devices.codec_examples import parse_examples
from devices.codec_js import CodecWorker, Job, codec_of
from devices.codec_mapping import CodecMapping, parse_mapping
from devices.codec_show import show_data, show_values
from devices.decode_file import read_hex
from tests.devices.codecs import EXAMPLE, FIELDS, head

_CODEC = codec_of(
    b"function decodeUplink(i) { var b = i.bytes; return {data: {x: b[0] / b[1], y: {t: b[2]}, z: [b[3] << 8]}}; }",
    name="fuzz",
)


@cache
def _worker() -> CodecWorker:
    return CodecWorker()


@cache
def _rules() -> CodecMapping:
    return CodecMapping.model_validate(
        {
            "model": "a_b", "vendor": "A", "source_url": "https://a.example", "sha256": "0" * 64,
            "expected_interval_s": 1,
            "fields": {
                "x": {"quantity": "distance", "unit": "mm", "suffix": "mm", "range": [0, 1e300], "factor": 1e10},
                "y.t": {"quantity": "air_temperature", "unit": "K", "sentinels": [327.67, "NULL"]},
                "z.0": {"quantity": "contact_open", "words": {"ON": 1}, "only_if": {"y.unit": "V"}},
            },
        }
    )  # fmt: skip


def _mapping(payload: bytes) -> object:
    return parse_mapping(payload, path=Path("m"))


def _examples(payload: bytes) -> object:
    return parse_examples(payload, path=Path("e"))


def _data(payload: bytes) -> object:
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    return json.dumps([show_data(data), show_values(_rules(), data)])


def _decode(payload: bytes) -> object:
    data = _worker().decode(_CODEC, Job(payload=payload, port=1))
    return _rules().values(data)


def _hex(payload: bytes) -> object:
    return read_hex(payload.decode("utf-8", "replace"))


TARGETS: dict[str, Callable[[bytes], object]] = {
    "codec_mapping": _mapping,
    "codec_examples": _examples,
    "codec_data": _data,
    "codec_js": _decode,
    "codec_hex": _hex,
}
SEEDS: dict[str, list[bytes]] = {
    "codec_mapping": [(head() + FIELDS).encode()],
    "codec_examples": [
        json.dumps([EXAMPLE]).encode(),
        json.dumps([{"type": "uplink", "input": {"bytes": [1, 2], "fPort": 7}, "output": {"data": {"a": 1}}}]).encode(),
    ],
    "codec_data": [json.dumps({"x": "12 mm", "y": {"t": 280.15, "unit": "V"}, "z": ["ON"]}).encode()],
    "codec_js": [bytes(range(8))],
    "codec_hex": [b"01 75 64", b"01:75:64"],
}
