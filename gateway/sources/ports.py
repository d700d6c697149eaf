"""Finding and opening the serial port of a line, also when it came back under another name.

A port is a path or a glob. A USB adapter that was unplugged may return as another ttyUSB number, so what the system
calls it for good (/dev/serial/by-id) is remembered while it is open, and looked for when its own path is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import serial

from devices.model import PermanentError, SerialLine

_BY_ID = Path("/dev/serial/by-id")
_PSEUDO = "/dev/pts/"
_READ_WAIT_S = 0.1
_WRITE_WAIT_S = 2.0
_GLOB_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSettings:
    """`port` is a path or a glob; `baud` and the line's format are what the instrument was set to."""

    port: str
    line: SerialLine
    baud: int


class PortFinder:
    """Opens one line again and again; used by one thread."""

    def __init__(self, settings: PortSettings, *, by_id: Path = _BY_ID) -> None:
        self._settings = settings
        self._by_id = by_id
        self._lasting: Path | None = None
        self._opened = ""

    def open(self) -> serial.Serial:
        """Return the open port, its buffers empty. Raises OSError while there is none, or somebody else has it."""
        path = self._find()
        line = self._settings.line
        if _real(path).startswith(_PSEUDO):
            # a tunnel or a simulated line: there is no wire with bits, and asking for parity is refused
            line = replace(line, bytesize=8, parity="N", stopbits=1)
        port = serial.Serial(
            port=path,
            baudrate=self._settings.baud,
            bytesize=line.bytesize,
            parity=line.parity,
            stopbits=line.stopbits,
            timeout=_READ_WAIT_S,
            write_timeout=_WRITE_WAIT_S,
            exclusive=True,
        )
        self._opened = _real(path)
        self._lasting = self._lasting_name(self._opened) or self._lasting
        return port

    def has_moved(self) -> bool:
        """Whether the port's name leads to another device by now than to the one that was opened."""
        try:
            return _real(self._find()) != self._opened
        except OSError:
            return True

    def _find(self) -> str:
        path = find_port(self._settings.port)
        if self._lasting is not None and not Path(path).exists() and self._lasting.exists():
            return str(self._lasting)
        return path

    def _lasting_name(self, real: str) -> Path | None:
        if not self._by_id.is_dir():
            return None
        links = sorted(islice(self._by_id.iterdir(), _GLOB_MOST))
        return next((link for link in links if _real(link) == real), None)


def find_port(port: str) -> str:
    """Return the first path that `port` (a path or a glob) matches.

    Raises OSError naming the glob when nothing matches; PermanentError when it is empty.
    """
    if not port:
        raise PermanentError("a serial source needs a port")
    if not any(letter in port for letter in "*?["):
        return port
    path = Path(port)
    matches = sorted(islice(Path(path.anchor).glob(str(path.relative_to(path.anchor))), _GLOB_MOST))
    if not matches:
        raise FileNotFoundError(f"no port matches {port!r}")
    return str(matches[0])


def _real(path: str | Path) -> str:
    return str(Path(path).resolve())
