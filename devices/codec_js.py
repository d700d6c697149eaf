"""Runs vendors' JavaScript payload codecs (The Things Stack, ChirpStack) in a worker process with hard limits.

The engine is quickjs-ng, an optional extra. Each decode gets a fresh context: 16 MiB of memory, 256 KiB of stack, 0.1 s
of computing; should the engine not keep to that, the worker is killed after 2 s and a new one is started for the next
job. The clock a codec sees is the moment of receipt and its random numbers follow from the payload, so that the same
bytes always give the same data.

What is called, in this order: `decodeUplink({bytes, fPort, recvTime, variables})`, which gives `{data, errors}`;
`Decoder(bytes, port)`; `Decode(fPort, bytes, variables)`; the latter two give the data itself. The text is a sloppy
script, not a module: many published codecs assign variables that they never declared.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devices.lorawan import MOST_PORT
from devices.model import PermanentError, TransientError

MOST_SOURCE_BYTES = 2 * 1024**2
_START_S = 30.0
_JOB_S = 2.0
_MOST_ANSWER_BYTES = 4 * 1024**2
_MOST_PAYLOAD_BYTES = 4096
_ERRORS_SHOWN = 3
_ODD = "\x01odd"
INSTALL = "JavaScript codecs need the package quickjs-ng: pip install 'satomori[js]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """The text of a codec and its SHA-256 in lower-case hex. `min_length` in bytes: shorter payloads are not given."""

    name: str
    source: str
    sha256: str
    min_length: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One payload: FPort, when it was received (the codec's clock) and the codec's own settings."""

    payload: bytes
    port: int
    received_ns: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Odd:
    """What a codec gave where JSON has no word for it: `NaN`, `Infinity`, `-Infinity`, `undefined`, `function` …"""

    word: str


def require_engine() -> None:
    """Raise PermanentError saying what to install where the engine is not."""
    if importlib.util.find_spec("quickjs") is None:
        raise PermanentError(INSTALL)


def read_codec(path: Path, *, name: str = "", min_length: int = 1) -> Codec:
    """Return the codec in the file `path`. Raises PermanentError when it cannot be read, is too long or no UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PermanentError(f"codec {path} cannot be read: {error.strerror}") from error
    return codec_of(raw, name=name or path.name, min_length=min_length)


def codec_of(raw: bytes, *, name: str, min_length: int = 1) -> Codec:
    """Return the codec whose file has the bytes `raw`. Raises as `read_codec`."""
    if len(raw) > MOST_SOURCE_BYTES:
        raise PermanentError(f"codec {name} has {len(raw)} bytes, the limit is {MOST_SOURCE_BYTES}")
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PermanentError(f"codec {name} is not UTF-8; save it as UTF-8") from None
    return Codec(name=name, source=source, sha256=hashlib.sha256(raw).hexdigest(), min_length=min_length)


class CodecWorker:
    """A worker process, started with the first job and again after it died. Jobs of several threads wait in line."""

    def __init__(self, *, job_s: float = _JOB_S) -> None:
        self._job_s = job_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._known: set[str] = set()
        self._finalizer: weakref.finalize[..., Any] | None = None

    def __enter__(self) -> CodecWorker:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the running worker, None while there is none."""
        return self._process.pid if self._process is not None else None

    def close(self) -> None:
        """End the worker; the next job starts another."""
        with self._lock:
            self._stop()

    def decode(self, codec: Codec, job: Job) -> dict[str, Any]:
        """Return the data of a payload as the codec gives it, empty: nothing measured. `Odd`: what JSON cannot say.

        Raises PermanentError when the payload must not be given to a codec (FPort 0 or above 223, empty, shorter than
        the codec's `min_length`), when the codec fails in any way or hits a limit, and when the engine is not
        installed; TransientError when the worker cannot be started.
        """
        _check(codec, job)
        with self._lock:
            answer = self._ask(codec, job)
        return _data(codec, answer)

    def _ask(self, codec: Codec, job: Job) -> dict[str, Any]:
        for _ in range(2):
            self._start()
            try:
                return self._exchange(codec, job)
            except _WorkerDiedError:
                # killed from outside (the system was short of memory), or by this very payload: the second time tells
                self._stop()
        raise PermanentError(f"codec {codec.name}: its worker died twice on one payload")

    def _exchange(self, codec: Codec, job: Job) -> dict[str, Any]:
        if codec.sha256 not in self._known:
            self._send({"load": codec.sha256, "source": codec.source})
            self._known.add(codec.sha256)
        self._send(
            {
                "run": codec.sha256, "bytes": list(job.payload), "port": job.port, "now_ms": job.received_ns // 10**6,
                "seed": zlib.crc32(job.payload, job.port), "variables": dict(job.variables),
            }
        )  # fmt: skip
        try:
            return self._receive(self._job_s)
        except TimeoutError:
            self._stop()
            raise PermanentError(
                f"codec {codec.name} did not answer within {self._job_s:g} s; its worker was killed"
            ) from None

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._stop()
        require_engine()
        self._process = _spawn()
        self._finalizer = weakref.finalize(self, _end, self._process)
        try:
            self._receive(_START_S)
        except (_WorkerDiedError, TimeoutError):
            self._stop()
            raise TransientError("the worker of JavaScript codecs does not start") from None

    def _stop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._process, self._finalizer = None, None
        self._known = set()

    def _send(self, message: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise _WorkerDiedError
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise _WorkerDiedError from None

    def _receive(self, seconds: float) -> dict[str, Any]:
        """Return the next line of the worker. Raises TimeoutError, _WorkerDiedError when it says no more."""
        process = self._process
        if process is None or process.stdout is None:
            raise _WorkerDiedError
        deadline_s = time.monotonic() + seconds
        line = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not selector.select(left_s):
                    raise TimeoutError
                piece = os.read(process.stdout.fileno(), 65_536)
                line += piece
                if not piece or len(line) > _MOST_ANSWER_BYTES:
                    raise _WorkerDiedError
        answer: dict[str, Any] = json.loads(line)
        return answer


class _WorkerDiedError(Exception):
    """The worker's pipe ended."""


def _spawn() -> subprocess.Popen[bytes]:
    # nothing of our environment (broker passwords, tokens) is a codec's business; UTC, so that every box says the same
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    surroundings = {"PYTHONPATH": path, "TZ": "UTC", "PYTHONUTF8": "1"}
    try:
        return subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", "devices.codec_js_worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise TransientError(f"the worker of JavaScript codecs does not start: {error.strerror}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what it did not read any more
            if pipe is not None:
                pipe.close()


def _check(codec: Codec, job: Job) -> None:
    if not 1 <= job.port <= MOST_PORT:
        raise PermanentError(f"FPort {job.port} is no application's, those are 1 to {MOST_PORT}")
    if not job.payload:
        raise PermanentError("payload is empty")
    if len(job.payload) < codec.min_length:
        raise PermanentError(f"payload of {len(job.payload)} bytes, codec {codec.name} needs {codec.min_length}")
    if len(job.payload) > _MOST_PAYLOAD_BYTES:
        raise PermanentError(f"payload of {len(job.payload)} bytes, at most {_MOST_PAYLOAD_BYTES} are given to a codec")


def _data(codec: Codec, answer: dict[str, Any]) -> dict[str, Any]:
    if "threw" in answer:
        raise PermanentError(f"codec {codec.name} failed: {answer['threw']}")
    if answer["kind"] != "object":
        raise PermanentError(f"codec {codec.name} returned {answer['kind']}, an object is expected")
    result = _with_odd(answer["result"])
    if isinstance(result, Odd):
        raise PermanentError(f"codec {codec.name} returned {result.word}, an object is expected")
    data = _unwrapped(codec, result) if answer["style"] == "decodeUplink" else result
    if not isinstance(data, dict):
        word = "an array" if isinstance(data, list) else data.word if isinstance(data, Odd) else repr(data)[:40]
        raise PermanentError(f"codec {codec.name}: data is {word}, an object is expected")
    return data


def _unwrapped(codec: Codec, result: dict[str, Any]) -> Any:
    errors = result.get("errors")
    if errors and not isinstance(errors, Odd):
        told = errors[:_ERRORS_SHOWN] if isinstance(errors, list) else [errors]
        raise PermanentError(f"codec {codec.name} says: {'; '.join(str(one)[:80] for one in told)}")
    if "data" not in result:
        raise PermanentError(
            f"codec {codec.name} returned no data; it has {', '.join(sorted(result))[:80] or 'no keys'}"
        )
    return result["data"]


def _with_odd(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ODD}:
            return Odd(str(value[_ODD]))
        return {key: _with_odd(one) for key, one in value.items()}
    return [_with_odd(one) for one in value] if isinstance(value, list) else value
