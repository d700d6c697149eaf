"""Finds out which known instrument is on a serial line: listens first, then asks, without changing anything on it.

Listening goes through the formats of the instruments that speak unasked. Only when nothing of that is understood, the
others are asked by their own `probe`: the question who they are, which every instrument may be asked at any time.
"""

from __future__ import annotations

import os
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

import serial

from devices.model import (
    DeviceSpec,
    Frame,
    PermanentError,
    SatomoriError,
    SerialLine,
    TransientError,
    UplinkMessage,
    UplinkSpec,
)
from devices.polling import Ask, Got, Polling, Rest, Session
from devices.wires import esp3
from gateway.sources.asking import Asker
from gateway.sources.ports import PortFinder, PortSettings, find_port

_LISTEN_S = 3.0
_READ_MOST_BYTES = 4_096
_KEPT_BYTES = 65_536
_GOOD_LEAST = 2
_GOOD_ENOUGH = 4
_GOOD_SHARE = 0.25
_REST_MOST_S = 5.0
_STICK_WAIT_S = 0.5
_SHOWN_CHARS = 120
_SHOWN_BYTES = 32
_ENOCEAN = "enocean"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Format:
    """How bytes are on a line."""

    baud: int
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1

    def as_text(self) -> str:
        """Return `9600 8N1`."""
        return f"{self.baud} {self.bytesize}{self.parity}{self.stopbits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something known on the line: a model, or an uplink (radio stick). `detail` is why we think so."""

    name: str
    format: Format
    detail: str
    is_stick: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyOptions:
    """`baud` None: the usual speeds of every model; else this speed only."""

    port: str
    baud: int | None = None
    timeout_s: float = 120.0
    listen_s: float = _LISTEN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What may be on the line."""

    catalog: Mapping[str, DeviceSpec]
    uplinks: Mapping[str, UplinkSpec]


Progress = Callable[[str, float], None]
"""Is told what is being done, and which part of everything is done, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """Who might be there, and the dialogue that shows it."""

    name: str
    probe: Callable[[], Session]
    address: str = ""
    is_stick: bool = False


class Identifier:
    """One look at one line."""

    def __init__(self, options: IdentifyOptions, known: Known, stop: Event, *, progress: Progress) -> None:
        self._options = options
        self._known = known
        self._stop = stop
        self._progress = progress
        self._until_s = time.monotonic() + options.timeout_s
        self._heard_bytes = 0

    def run(self) -> list[Found]:
        """Return what was found, the likeliest first; also what was found until `stop` was set or time was over.

        The port's settings are put back. Raises PermanentError for a port that does not exist, TransientError for one
        that somebody else has.
        """
        formats = sorted(self._speaking_formats())
        asked = sorted(self._asked_formats())
        total = len(formats) + sum(len(self._questions(each)) for each in asked) or 1
        done = 0
        with _restored(self._options.port):
            for each in formats:
                self._progress(f"聞いています / listening at {each.as_text()}", done / total)
                if found := self._listen(each):
                    return found
                done += 1
            for each in asked:
                if found := self._ask_all(each, partial(self._count, before=done, total=total)):
                    return found
                done += len(self._questions(each))
        return []

    @property
    def heard_bytes(self) -> int:
        """How many bytes came while nobody was asked: 0 = nothing speaks there."""
        return self._heard_bytes

    def _count(self, text: str, number: float, *, before: int, total: int) -> None:
        self._progress(text, (before + number) / total)

    def _is_over(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._until_s

    def _format_of(self, line: SerialLine) -> Format:
        baud = self._options.baud or line.baud
        return Format(baud=baud, bytesize=line.bytesize, parity=line.parity, stopbits=line.stopbits)

    def _speaking(self) -> Iterator[tuple[str, SerialLine, Callable[[bytes], bool], bool]]:
        for name, spec in self._known.catalog.items():
            if spec.serial is not None and spec.polling is None and not spec.example_options:
                yield name, spec.serial, _decodes(spec), False
        for name, uplink in self._known.uplinks.items():
            if uplink.serial is not None:
                yield name, uplink.serial, _unwraps(uplink), True

    def _speaking_formats(self) -> set[Format]:
        return {self._format_of(line) for _, line, _, _ in self._speaking()}

    def _listen(self, line_format: Format) -> list[Found]:
        """Listen for a few seconds, or until something was understood several times."""
        if self._is_over():
            return []
        until_s = min(self._until_s, time.monotonic() + self._options.listen_s)
        heard = b""
        found: list[Found] = []
        with _opened(self._options.port, line_format) as port:
            while time.monotonic() < until_s and not self._stop.is_set():
                data = port.read(1)
                if not data:
                    continue
                data += port.read(min(_READ_MOST_BYTES, port.in_waiting))
                self._heard_bytes += len(data)
                heard = (heard + data)[-_KEPT_BYTES:]
                found = self._understood(heard, line_format, least=_GOOD_ENOUGH)
                if found:
                    return found
        return self._understood(heard, line_format, least=_GOOD_LEAST)

    def _understood(self, heard: bytes, line_format: Format, *, least: int) -> list[Found]:
        ranked: list[tuple[float, Found]] = []
        for name, line, is_good, is_stick in self._speaking():
            if self._format_of(line) != line_format:
                continue
            frames, _ = line.split(heard)
            good = sum(is_good(frame) for frame in frames)
            if good < least or good < _GOOD_SHARE * len(frames):
                continue
            detail = f"{good} / {len(frames)} frames understood"
            ranked.append((-good, Found(name=name, format=line_format, detail=detail, is_stick=is_stick)))
        return [found for _, found in sorted(ranked, key=lambda each: (each[0], each[1].name))]

    def _asked_formats(self) -> set[Format]:
        formats = {self._format_of(spec.serial) for spec, _ in self._polled() if spec.serial is not None}
        return formats | {self._format_of(line) for line in self._sticks().values()}

    def _polled(self) -> Iterator[tuple[DeviceSpec, Polling]]:
        for spec in self._known.catalog.values():
            if spec.serial is not None and spec.polling is not None:
                yield spec, spec.polling

    def _sticks(self) -> dict[str, SerialLine]:
        return {name: up.serial for name, up in self._known.uplinks.items() if up.serial is not None}

    def _questions(self, line_format: Format) -> list[_Question]:
        questions = [
            _Question(name=spec.model, probe=partial(polling.probe, address), address=address)
            for spec, polling in self._polled()
            if spec.serial is not None and self._format_of(spec.serial) == line_format
            for address in polling.addresses
        ]
        sticks = [name for name, line in self._sticks().items() if self._format_of(line) == line_format]
        return questions + [
            _Question(name=name, probe=_stick_probe, is_stick=True) for name in sticks if name.startswith(_ENOCEAN)
        ]

    def _ask_all(self, line_format: Format, progress: Progress) -> list[Found]:
        """Ask everybody who might be there at this format; `progress` counts the questions."""
        found: list[Found] = []
        if self._is_over():
            return found
        with _opened(self._options.port, line_format) as port:
            line = _MemoryLine(Asker(port, self._stop, tend=lambda: None), self._stop)
            for n, question in enumerate(self._questions(line_format)):
                if self._is_over():
                    break
                address = f" address {question.address}" if question.address else ""
                progress(f"たずねています / asking for {question.name} at {line_format.as_text()}{address}", float(n))
                payload = line.probe(question.probe)
                if payload is not None:
                    found.append(_answered(question, line_format, payload))
        return found


def _answered(question: _Question, line_format: Format, payload: bytes) -> Found:
    text = payload.decode("ascii", "replace").strip()
    return Found(
        name=question.name,
        format=line_format,
        detail=text[:_SHOWN_CHARS] if text.isprintable() and text.isascii() else payload[:_SHOWN_BYTES].hex(" "),
        address=question.address,
        is_stick=question.is_stick,
    )


class _MemoryLine:
    """Runs probes on an open line; the same request is sent once, however many models begin with it."""

    def __init__(self, asker: Asker, stop: Event) -> None:
        self._asker = asker
        self._stop = stop
        self._answers: dict[bytes, bytes] = {}

    def probe(self, make: Callable[[], Session]) -> bytes | None:
        """Return what identifies the instrument, None when it is another or there is none.

        Raises OSError when the line is gone.
        """
        try:
            session = make()
            reply: bytes | None = None
            while not self._stop.is_set():
                step = next(session) if reply is None else session.send(reply)
                if isinstance(step, Got):
                    session.close()
                    return step.payload
                if isinstance(step, Rest):
                    self._stop.wait(min(_REST_MOST_S, step.seconds or 0.0))
                reply = self._ask(step) if isinstance(step, Ask) else b""
        except (OSError, termios.error):
            raise
        except (SatomoriError, StopIteration, ValueError, LookupError, TypeError, ArithmeticError):
            return None
        return None

    def _ask(self, ask: Ask) -> bytes:
        if not ask.request:
            return self._asker.ask(ask)
        if ask.request not in self._answers:
            self._answers[ask.request] = self._asker.ask(ask)
        return self._answers[ask.request]


def _stick_probe() -> Session:
    answer = yield Ask(request=esp3.VERSION_REQUEST, wait_s=_STICK_WAIT_S, length=_packet_bytes)
    frames, _ = esp3.split(answer)
    for frame in frames:
        try:
            version = esp3.read_version(frame)
        except PermanentError:
            continue
        yield Got(payload=f"{version.description} API {version.api_version}".encode("ascii", "replace"))
    raise TransientError("no EnOcean stick answers")


def _packet_bytes(buffer: bytes) -> int:
    frames, rest = esp3.split(buffer)
    return len(buffer) - len(rest) if frames else 0


def _decodes(spec: DeviceSpec) -> Callable[[bytes], bool]:
    def is_good(payload: bytes) -> bool:
        frame = Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)
        try:
            return bool(spec.decode(frame).values)
        except SatomoriError:
            return False

    return is_good


def _unwraps(uplink: UplinkSpec) -> Callable[[bytes], bool]:
    def is_good(payload: bytes) -> bool:
        try:
            return bool(uplink.unwrap(UplinkMessage(gateway_id="", topic="", payload=payload, received_ns=0)))
        except SatomoriError:
            return False

    return is_good


@contextmanager
def _opened(port: str, line_format: Format) -> Iterator[serial.Serial]:
    line = SerialLine(baud=line_format.baud, split=lambda buffer: ([], buffer))
    line = replace(
        line,
        bytesize=line_format.bytesize,
        parity=line_format.parity,  # type: ignore[arg-type]
        stopbits=line_format.stopbits,
    )
    try:
        opened = PortFinder(PortSettings(port=port, line=line, baud=line_format.baud)).open()
    except (OSError, termios.error) as error:
        raise TransientError(f"port {port} cannot be opened at {line_format.as_text()}: {error}") from error
    with opened:
        yield opened


@contextmanager
def _restored(port: str) -> Iterator[None]:
    """Put the settings of the port back at the end, whatever happens meanwhile."""
    try:
        path = find_port(port)
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise PermanentError(f"port {port} does not exist; plugged-in ones are in /dev/serial/by-id") from error
    except OSError as error:
        raise TransientError(f"port {path} cannot be opened: {error.strerror} (does a gateway have it?)") from error
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error as error:
        os.close(descriptor)
        raise PermanentError(f"{port} is no serial port") from error
    try:
        yield
    finally:
        with suppress(termios.error):  # unplugged meanwhile: there is nothing to put back
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
        os.close(descriptor)


def in_groups(found: Iterable[Found]) -> list[list[Found]]:
    """Return what was found by where it is: models of one group cannot be told apart by what they say."""
    groups: dict[tuple[Format, str, str], list[Found]] = {}
    for each in found:
        groups.setdefault((each.format, each.address, each.detail), []).append(each)
    return list(groups.values())
