"""Lufft (OTT) SHM 31 laser snow gauge on RS-485, UMB binary protocol (its factory setting, 19200 8N1).

Source: https://www.lufft.com/products/snow-depth-sensors-317/ (manual SHM 31, chapters 9.3 and 13.3.3). Address B001.

    channel   type      content
    604       float32   snow depth, cm
    4100      u8        error code of the device, 0 = none
    4101      u8        error code, current
    4011      float32   block temperature, Cel

Each channel is asked for by one request (command 0x23). A channel's answer has a status: 0 = a value follows; 0x28 =
busy (defrosting, starting): no reading, and no fault; any other: no reading, and a fault.

The gauge repeats its last valid depth when all measurements changed by more than it believes, and says so only by an
error code. So a depth beside an error code is no reading (NaN), and `device_fault` has the code. A site that knows from
table 27 of its manual that a code still comes with a fresh depth lists it in `usable_codes`.

    device_fault   meaning
    0              none
    1 … 255        error code of channel 4100, or else 4101
    256 + s        UMB status s of the depth (340 = 0x54: no valid data)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from devices.model import Decoded, DeviceSpec, Frame, Options, PermanentError, SerialLine
from devices.options import read_options
from devices.polling import Polling, Session
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour
from devices.wires.umb import (
    NO_SUCH_CHANNEL,
    STATUS_BUSY,
    STATUS_DATA_ERROR,
    STATUS_INVALID_CHANNEL,
    STATUS_OK,
    TYPE_FLOAT,
    TYPE_U8,
    channel_request,
    frame_at,
)
from devices.wires.umb_dialogue import (
    UmbInstrument,
    UmbStandIn,
    address_of,
    measuring,
    probing,
    read_measurement,
    stand_in_answer,
)
from devices.wires.unsplit import unsplit

_MODEL = "lufft_shm31_umb"
_DEPTH, _ERROR, _ERROR_NOW, _BLOCK = 604, 4100, 4101, 4011
_CHANNELS = {_DEPTH: TYPE_FLOAT, _ERROR: TYPE_U8, _ERROR_NOW: TYPE_U8, _BLOCK: TYPE_FLOAT}
_CLASS, _DEFAULT = 0xB, "B001"
_STATUS_BASE = 256
_MAX_CODE = 255
_CM_M = 100.0


class Shm31UmbOptions(BaseModel):
    """`[device.options]`: error codes (1-255) beside which the depth is fresh all the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usable_codes: tuple[Annotated[int, Field(ge=1, le=_MAX_CODE)], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shm31:
    """Decoding with the error codes that a site calls usable."""

    usable_codes: tuple[int, ...] = ()

    def decode(self, frame: Frame) -> Decoded:
        """Return `snow_depth` (m), `device_fault` and `device_temperature` (Cel).

        NaN depth = busy, a bad status, or an error code that is not usable. PermanentError for anything but requests
        and answers of these channels, and for a device that has no channel 604.
        """
        answers = read_measurement(frame.payload, _CHANNELS)
        if _DEPTH not in answers:
            raise PermanentError(f"{_MODEL}: channel {_DEPTH} is missing")
        depth = answers[_DEPTH]
        if depth.status in NO_SUCH_CHANNEL:
            raise PermanentError(f"status 0x{depth.status:02X} to channel {_DEPTH}: this is no SHM 31")
        codes = [answers[key].value for key in (_ERROR, _ERROR_NOW) if key in answers and not answers[key].status]
        if not codes:
            raise PermanentError(f"{_MODEL}: no error code was read, so nobody knows whether the depth is fresh")
        code = next((code for code in codes if code), 0.0)
        is_fresh = all(code in (0.0, *self.usable_codes) for code in codes)
        values = {"snow_depth": depth.value / _CM_M if is_fresh else math.nan}
        values["device_fault"] = code or (_STATUS_BASE + depth.status if self._is_fault(depth.status) else 0.0)
        if _BLOCK in answers:
            values["device_temperature"] = answers[_BLOCK].value
        return Decoded(values={key: float(value) for key, value in values.items()})

    @staticmethod
    def _is_fault(status: int) -> bool:
        return status not in (STATUS_OK, STATUS_BUSY)


def tell(channel: int, says: Decoded) -> tuple[int, float]:
    """Return status and value of `channel` for a gauge that measures `says`.

    Raises PermanentError for a fault that is no code of this gauge.
    """
    fault = says.values.get("device_fault", 0.0)
    fault = 0.0 if math.isnan(fault) else fault
    if not 0 <= fault < 2 * _STATUS_BASE:
        raise PermanentError(f"device_fault {fault} is no error code and no status of an SHM 31")
    if channel == _DEPTH:
        return _tell_depth(says.values.get("snow_depth", math.nan), fault)
    if channel in (_ERROR, _ERROR_NOW):
        return STATUS_OK, fault if fault <= _MAX_CODE else 0.0
    if channel == _BLOCK:
        value = says.values.get("device_temperature", math.nan)
        return (STATUS_DATA_ERROR if math.isnan(value) else STATUS_OK), value
    return STATUS_INVALID_CHANNEL, math.nan


def _tell_depth(depth_m: float, fault: float) -> tuple[int, float]:
    if fault > _STATUS_BASE:
        return round(fault) - _STATUS_BASE, math.nan
    if math.isnan(depth_m):
        return (STATUS_DATA_ERROR if fault else STATUS_BUSY), math.nan
    return STATUS_OK, depth_m * _CM_M


def encode(decoded: Decoded) -> Frame:
    """Return the requests and answers of one measurement. PermanentError when there is nothing this gauge says."""
    if not set(decoded.values) & {"snow_depth", "device_fault", "device_temperature"}:
        raise PermanentError("an SHM 31 says snow_depth, device_fault and device_temperature; none of them is given")
    stand_in = _stand_in(_DEFAULT, WELL_BEHAVED)
    payload = b""
    for channel in _CHANNELS:
        request = channel_request(address=stand_in.address, channel=channel)
        found = frame_at(request, 0)
        if found is not None:
            payload += request + stand_in_answer(stand_in, found[0], decoded)
    return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)


def _stand_in(address: str, faults: Misbehaviour) -> UmbStandIn:
    umb_address = address_of(address, class_id=_CLASS, default=_DEFAULT)
    return UmbStandIn(address=umb_address, channels=_CHANNELS, tell=tell, faults=faults)


def stand_in(address: str = "", faults: Misbehaviour = WELL_BEHAVED) -> UmbInstrument:
    """Return a gauge for a simulated line."""
    return UmbInstrument(_stand_in(address, faults))


def session(address: str) -> Session:
    """Begin the dialogue with the gauge at `address` (four hexadecimal digits, B001 when empty)."""
    return measuring(address_of(address, class_id=_CLASS, default=_DEFAULT), _CHANNELS)


def probe(address: str) -> Session:
    """Ask once for the depth: it changes nothing."""
    umb_address = address_of(address, class_id=_CLASS, default=_DEFAULT)
    return probing(umb_address, channel=_DEPTH, value_type=TYPE_FLOAT)


def configure(options: Options) -> DeviceSpec:
    """Return the spec with the site's usable error codes. Raises PermanentError naming what is wrong."""
    wanted = read_options(Shm31UmbOptions, options, of=_MODEL)
    return _spec(Shm31(usable_codes=wanted.usable_codes))


def _spec(shm31: Shm31) -> DeviceSpec:
    return DeviceSpec(
        model=_MODEL,
        vendor="Lufft",
        source_url="https://www.lufft.com/products/snow-depth-sensors-317/",
        quantities=("snow_depth", "device_fault", "device_temperature"),
        expected_interval_s=600,
        transport="serial",
        decode=shm31.decode,
        encode=encode,
        serial=SerialLine(baud=19200, split=unsplit, max_frame_bytes=1024),
        polling=Polling(
            interval_s=600.0,
            session=session,
            instrument=lambda address: stand_in(address),
            probe=probe,
            addresses=("B001", "B002", "B003"),
        ),
        configure=configure,
    )


DEVICE = _spec(Shm31())
