"""Small JavaScript codecs written for the tests, and how to put one with its mapping into a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from devices.codec_catalog import CODEC, EXAMPLES, MAPPING, CodecFiles, files_in
from devices.codec_js import Codec, Job, codec_of

THERMOMETER = """
// temperature s16 BE / 10, humidity u8, contact u8
function decodeUplink(input) {
  var b = input.bytes;
  raw = (b[0] << 8) | b[1];
  return {
    data: {
      sensor: { temperature: (raw & 0x8000 ? raw - 0x10000 : raw) / 10, humidity: b[2] },
      door: b[3] ? "ON" : "OFF",
      firmware: "1.2",
    },
    warnings: [],
    errors: [],
  };
}
"""
FIELDS = """
[fields."sensor.temperature"]
quantity = "air_temperature"
[fields."sensor.humidity"]
quantity = "relative_humidity"
[fields.door]
quantity = "contact_open"
words = { ON = 1, OFF = 0 }
"""
EXAMPLE: dict[str, Any] = {
    "bytes": "ff ce 32 01",
    "fPort": 7,
    "recvTime": "2026-11-21T00:00:00Z",
    "data": {"sensor": {"temperature": -5, "humidity": 50}, "door": "ON", "firmware": "1.2"},
}


def codec(source: str, *, min_length: int = 1) -> Codec:
    return codec_of(source.encode(), name="test", min_length=min_length)


def decoder(body: str) -> Codec:
    """Return a codec whose `decodeUplink(input)` has this body."""
    return codec("function decodeUplink(input) {" + body + "}")


def job(payload: bytes | str = b"\x01", *, port: int = 1, received_ns: int = 0) -> Job:
    raw = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return Job(payload=raw, port=port, received_ns=received_ns)


def head(source: str = THERMOMETER, *, model: str = "acme_th_js", sha256: str = "") -> str:
    """Return the lines of a mapping before its fields."""
    return (
        f'model = "{model}"\nvendor = "Acme"\nsource_url = "https://example.org/th"\n'
        f'sha256 = "{sha256 or hashlib.sha256(source.encode()).hexdigest()}"\nexpected_interval_s = 600\n'
        "min_length = 4\nports = [7]\n"
    )


def put(
    folder: Path, *, source: str = THERMOMETER, mapping: str | None = None, examples: list[Any] | None = None
) -> CodecFiles:
    """Write the three files of a codec into a sub-folder and return where they are."""
    files = files_in(folder)
    folder.mkdir(parents=True)
    (folder / CODEC).write_text(source, encoding="utf-8")
    (folder / MAPPING).write_text(mapping if mapping is not None else head(source) + FIELDS, encoding="utf-8")
    (folder / EXAMPLES).write_text(json.dumps([EXAMPLE] if examples is None else examples), encoding="utf-8")
    return files
