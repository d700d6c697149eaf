"""Payloads that have broken parsers before, for any input that takes JSON."""

from __future__ import annotations

MIB = 2**20

BODIES: dict[str, bytes] = {
    "10 MB of text": b'"' + b"x" * (10 * MIB) + b'"',
    "10 MB of numbers": b"[" + b"1," * (5 * MIB) + b"1]",
    "10,000 nested arrays": b"[" * 10_000 + b"]" * 10_000,
    "100,000 nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "1e400": b"1e400",
    "-1e400": b"-1e400",
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "lone surrogate": b'"\\ud800"',
    "lone surrogate, raw": b'"\xed\xa0\x80"',
    "5,000 digits": b"9" * 5_000,
    "2 to the 70": b"1180591620717411303424",
    "nothing": b"",
    "null": b"null",
    "zero byte": b'"\\u0000"',
    "half a text": b'"x',
}
"""What to put in the place of a value, or to send as it is."""
