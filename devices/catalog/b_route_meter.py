"""A Japanese smart meter over the B-route: power by the minute, which is also a sign of life in a house.

Source: https://echonet.jp/spec_g/ (class 0x0288), over a Wi-SUN stick (BP35A1, BP35C0-J11, RL7023 Stick-D/IPS),
115200 8N1. The payload is the ECHONET Lite frame of the meter's answer (layout in devices.wires.echonet).

    EPC    quantity
    E7     power (W; negative = given back, solar)
    E8     current, current.2 (A, the two phases)
    E0     energy (J, taken; E0 × coefficient D3 × unit E1)
    E3     energy.2 (J, given back)

All are asked for in one request, with unit and coefficient, so an exchanged meter with another unit is read rightly.
No data, overflow and underflow are NaN. The counters begin again at 10^D7.

    option           meaning
    password_file    file of two lines, the B-route identification (32 hexadecimal digits; blanks do not count) and
                     the password (12 characters), as the power company sent them; readable by its owner alone

They are never in `site.toml`, in a log or in an error.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from devices.model import Decoded, DeviceSpec, Frame, Options, PermanentError, SerialLine
from devices.options import read_options
from devices.polling import Polling, Session
from devices.wires.b_route import Credentials, metering, probing
from devices.wires.b_route_stick import BRouteStick, StickHabits, answer_frame
from devices.wires.echonet import STAND_IN_STEP_J, meter_properties, meter_values, read_frame
from devices.wires.unsplit import unsplit

_MODEL = "b_route_meter"
_RBID = re.compile(r"[0-9A-F]{32}")
_PASSWORD = re.compile(r"[!-~]{12}")
_MAX_FILE_BYTES = 1000
_INTERVAL_S = 60.0
_KEYS = ("power", "current", "current.2", "energy", "energy.2")


class BRouteOptions(BaseModel):
    """`[device.options]` of a smart meter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    password_file: Annotated[str, Field(min_length=1)]


def read_credentials(path: Path) -> Credentials:
    """Return identification and password. Raises PermanentError naming the file, never what stands in it."""
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermanentError(f"password_file {path} is readable by others; chmod 600 it")
        with path.open("rb") as file:
            lines = file.read(_MAX_FILE_BYTES).decode("ascii", errors="replace").splitlines()
    except OSError as error:
        raise PermanentError(f"password_file {path} cannot be read: {error.strerror}") from error
    rbid = "".join(lines[0].split()).upper() if lines else ""
    password = lines[1].strip() if len(lines) > 1 else ""
    if not _RBID.fullmatch(rbid):
        raise PermanentError(f"line 1 of password_file {path} is not an identification of 32 hexadecimal digits")
    if not _PASSWORD.fullmatch(password):
        raise PermanentError(f"line 2 of password_file {path} is not a password of 12 characters")
    return Credentials(rbid=rbid, password=password)


def decode(frame: Frame) -> Decoded:
    """Return power, currents and energies of the meter's answer.

    NaN = the meter has no data. PermanentError for anything but a whole answer of a meter.
    """
    return Decoded(values=meter_values(read_frame(frame.payload)))


def encode(decoded: Decoded) -> Frame:
    """Return the answer of a meter that measures `decoded`. PermanentError when nothing of it is a meter's."""
    if not any(key in decoded.values for key in _KEYS):
        raise PermanentError(f"a smart meter says {', '.join(_KEYS)}; none of them is given")
    payload = answer_frame(1, meter_properties(decoded.values))
    return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)


def stand_in(habits: StickHabits | None = None) -> BRouteStick:
    """Return a stick with a meter for a simulated line."""
    return BRouteStick(habits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A meter whose credentials stand in `password_file` (empty = nobody said where)."""

    password_file: str = ""

    def session(self, address: str) -> Session:
        """Begin the dialogue; the credentials are read now, so that a new password needs no restart."""
        if address:
            raise PermanentError(f"bus_address {address!r}: a stick has one meter, leave it out")
        if not self.password_file:
            raise PermanentError(f"options of {_MODEL}: password_file is needed")
        return metering(read_credentials(Path(self.password_file)))


def configure(options: Options) -> DeviceSpec:
    """Return the spec that joins with the credentials of the file. Raises PermanentError naming what is wrong."""
    return _spec(Meter(password_file=read_options(BRouteOptions, options, of=_MODEL).password_file))


def _spec(meter: Meter) -> DeviceSpec:
    return DeviceSpec(
        model=_MODEL,
        vendor="B-route",
        source_url="https://echonet.jp/spec_g/",
        quantities=("power", "current", "energy"),
        expected_interval_s=600,
        transport="serial",
        decode=decode,
        encode=encode,
        serial=SerialLine(baud=115_200, split=unsplit, max_frame_bytes=4096),
        resolutions={"power": 1.0, "current": 0.1, "energy": float(STAND_IN_STEP_J)},
        polling=Polling(
            interval_s=_INTERVAL_S,
            session=meter.session,
            instrument=lambda address: stand_in(),
            probe=lambda address: probing(),
        ),
        configure=configure,
        example_options={"password_file": "/etc/satomori/b-route"},
    )


DEVICE = _spec(Meter())
