"""The examples that come with a JavaScript codec: run whenever it is loaded, so that a wrong file is not used.

A JSON list. Each entry has `bytes` (hex, blanks allowed, or a list of numbers), `fPort`, perhaps `recvTime` (ISO 8601)
and `variables`, and what is expected: `data` (an object), or `fails: true`. The forms in which vendors publish them are
taken too: `{"input": {"bytes", "fPort", …}, "output" or "expected": {"data", "errors"}}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from devices.codec_js import Codec, CodecWorker, Job, Odd
from devices.model import SECOND_NS, PermanentError

_MOST_BYTES = 8 * 1024**2
_TOLERANCE = 1e-6
_SHOWN = 80
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One payload and the data it must give; `data` None: the codec must refuse it."""

    job: Job
    data: dict[str, Any] | None


def read_examples(path: Path) -> tuple[Example, ...]:
    """Return the examples in the JSON file `path`. Raises PermanentError naming the file and the entry."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PermanentError(f"examples {path} cannot be read: {error.strerror}") from error
    return parse_examples(raw, path=path)


def parse_examples(raw: bytes, *, path: Path) -> tuple[Example, ...]:
    """Return the examples that the file `path` contains as `raw`. Raises as `read_examples`."""
    if len(raw) > _MOST_BYTES:
        raise PermanentError(f"examples {path} has {len(raw)} bytes, the limit is {_MOST_BYTES}")
    try:
        entries = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise PermanentError(f"examples {path} is no JSON: {str(error)[:_SHOWN]}") from None
    if not isinstance(entries, list):
        raise PermanentError(f"examples {path} is no list")
    try:
        return tuple(_example(entry) for entry in entries if not _is_downlink(entry))
    except (PermanentError, ValueError, TypeError, OverflowError) as error:
        raise PermanentError(f"examples {path}: {str(error)[:_SHOWN]}") from None


def _is_downlink(entry: Any) -> bool:
    return isinstance(entry, dict) and str(entry.get("type", "uplink")) != "uplink"


def _example(entry: Any) -> Example:
    if not isinstance(entry, dict):
        raise PermanentError(f"{str(entry)[:_SHOWN]} is no object")
    given = entry.get("input", entry)
    expected = entry.get("output", entry.get("expected", entry))
    if not isinstance(given, dict) or not isinstance(expected, dict):
        raise PermanentError(f"{str(entry)[:_SHOWN]} has no input, or nothing expected")
    data = expected.get("data")
    must_fail = bool(expected.get("errors")) or expected.get("fails") is True
    if (data is None) != must_fail or not isinstance(data, dict | None):
        raise PermanentError(f"{str(entry)[:_SHOWN]} needs either data (an object) or fails = true")
    port, variables = given.get("fPort"), given.get("variables") or {}
    if isinstance(port, bool) or not isinstance(port, int) or not isinstance(variables, dict):
        raise PermanentError(f"{str(entry)[:_SHOWN]} needs fPort (an integer)")
    job = Job(
        payload=_bytes(given.get("bytes")), port=port, received_ns=_instant_ns(given.get("recvTime")),
        variables={str(key): str(value) for key, value in variables.items()},
    )  # fmt: skip
    return Example(job=job, data=data)


def _bytes(given: Any) -> bytes:
    if isinstance(given, str):
        return bytes.fromhex(given)
    if not isinstance(given, list):
        raise PermanentError(f"bytes {str(given)[:_SHOWN]} is neither hex nor a list")
    return bytes(given)


def _instant_ns(text: Any) -> int:
    if text is None:
        return 0
    instant = datetime.fromisoformat(str(text))
    if instant.tzinfo is None:
        raise PermanentError(f"recvTime {text} has no time zone")
    since = instant - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return since // timedelta(microseconds=1) * (SECOND_NS // 10**6)


def failing(codec: Codec, examples: Iterable[Example], worker: CodecWorker, report: Report | None = None) -> list[str]:
    """Return one line for each example the codec gets wrong, empty when all are right.

    `report(done, total)` is called after each. Numbers may differ in the sixth digit; what the script leaves undefined
    may be null or missing in the example.
    """
    wanted = tuple(examples)
    lines = []
    for number, example in enumerate(wanted):
        wrong = _wrong(codec, example, worker)
        if wrong:
            lines.append(f"example {number + 1} ({example.job.payload.hex()[:_SHOWN]}): {wrong}")
        if report is not None:
            report(number + 1, len(wanted))
    return lines


def _wrong(codec: Codec, example: Example, worker: CodecWorker) -> str:
    try:
        data = worker.decode(codec, example.job)
    except PermanentError as error:
        return str(error) if example.data is not None else ""
    if example.data is None:
        return f"must be refused, but gives {str(data)[:_SHOWN]}"
    return _difference(data, example.data, at="data")


def _difference(found: Any, wanted: Any, *, at: str) -> str:
    """Return where the two differ, empty when they say the same."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        pairs = [(name, found.get(name), wanted.get(name)) for name in sorted(set(found) | set(wanted))]
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = [(str(number), one, other) for number, (one, other) in enumerate(zip(found, wanted, strict=True))]
    else:
        return "" if _is_equal(found, wanted) else f"{at} is {str(found)[:_SHOWN]}, expected {str(wanted)[:_SHOWN]}"
    return next((text for name, one, other in pairs if (text := _difference(one, other, at=f"{at}.{name}"))), "")


def _is_equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return math.isclose(found, wanted, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return bool(found == wanted or (isinstance(found, Odd) and wanted is None))
