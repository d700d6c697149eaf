"""`python -m tests.devices.codec_rate`: how fast and how large the worker of JavaScript codecs is on this machine.

Prints one JSON object: payloads a second (each in a fresh context), resident memory of the worker before and after,
how long its start takes, and how long a payload that hangs keeps the caller (in the script; inside the engine).
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from devices.codec_js import Codec, CodecWorker
from devices.model import PermanentError
from tests.devices.codecs import THERMOMETER, codec, decoder, job

_PAYLOADS = 5000
_HANGS = {
    "hang_in_script_s": "for (;;);",
    "hang_in_regex_s": "return {data: /^(a+)+$/.test('a'.repeat(40) + 'b')};",
    "hang_in_engine_s": "return {data: {a: Array.prototype.reverse.call({length: 9007199254740991})}};",
}


def main() -> None:
    """Measure and print."""
    thermometer = codec(THERMOMETER)
    found: dict[str, float] = {}
    with CodecWorker() as worker:
        found["start_s"] = _seconds(worker, thermometer, 1)
        _seconds(worker, thermometer, 200)
        found["resident_before_mib"] = _resident_mib(worker)
        found["payloads_a_second"] = _PAYLOADS / _seconds(worker, thermometer, _PAYLOADS)
        found["resident_after_mib"] = _resident_mib(worker)
        for name, body in _HANGS.items():
            found[name] = _seconds(worker, decoder(body), 1)
        found["next_after_kill_s"] = _seconds(worker, thermometer, 1)
    print(json.dumps({name: round(value, 4) for name, value in found.items()}, indent=1))


def _seconds(worker: CodecWorker, given: Codec, count: int) -> float:
    begun_s = time.perf_counter()
    for _ in range(count):
        with suppress(PermanentError):
            worker.decode(given, job("ffce3201"))
    return time.perf_counter() - begun_s


def _resident_mib(worker: CodecWorker) -> float:
    lines = Path(f"/proc/{worker.pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
