"""Sigfox backend callbacks: GET or POST, with the names that the site chose there.

Source: https://support.sigfox.com/docs/data-advanced

    device      at most 8 hex digits; the address
    time        Unix seconds
    data        payload in hex, at most 12 bytes
    seqNumber   0 to 4095, then again from 0
    rssi, snr   dBm and dB, when the callback has them; one of the maker's tables has them exchanged

Everything may be text. DATA_ADVANCED comes some 30 s after DATA with the same seqNumber and time: the same frame. What
it computes of the position is the network's estimate, kilometres wide, and is not read. Options: `device_name`,
`time_name`, `data_name`, `seq_name` where the callback has other names.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from devices.json_object import read_object
from devices.model import SECOND_NS, Envelope, Frame, Options, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import hex_bytes
from devices.options import read_options
from devices.payloads.json_fields import number_of
from devices.payloads.json_time import unix_guess_ns

_DEVICE = re.compile(r"[0-9A-Fa-f]{1,16}", re.ASCII)
_SEQ_MOST = 4_095
_MOST_BYTES = 16_384
_RSSI, _SNR = (-200.0, 0.0), (-30.0, 60.0)
Name = Annotated[str, Field(min_length=1, max_length=50)]


class SigfoxOptions(BaseModel):
    """Options of a source with this uplink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_name: Name = "device"
    time_name: Name = "time"
    data_name: Name = "data"
    seq_name: Name = "seqNumber"


def unwrap(message: UplinkMessage, *, options: SigfoxOptions | None = None) -> tuple[Envelope, ...]:
    """Return the one envelope of a callback; none for one without data (a service message, an advanced position).

    Raises PermanentError naming the field that is missing or unreadable.
    """
    wanted = options or SigfoxOptions()
    body = read_object(message.payload, most_bytes=_MOST_BYTES)
    device = body.get(wanted.device_name)
    if not isinstance(device, str) or not _DEVICE.fullmatch(device):
        raise PermanentError(f"{wanted.device_name} {str(device)[:40]!r} is no hexadecimal number of a device")
    data = body.get(wanted.data_name)
    if data is None or data == "":
        return ()
    frame = Frame(
        gateway_id=message.gateway_id, transport="http", address=device.lower(),
        payload=hex_bytes(data, name=wanted.data_name), received_ns=message.received_ns,
    )  # fmt: skip
    envelope = Envelope(
        frame=frame,
        seq=_seq(body.get(wanted.seq_name), name=wanted.seq_name),
        observed_ns=unix_guess_ns(body.get(wanted.time_name)),
        values=_radio(body),
        is_retained=message.is_retained,
    )
    return (envelope,)


def _seq(value: Any, *, name: str) -> int | None:
    if value is None or value == "":
        return None
    number = number_of(value)
    if number is None or not number.is_integer() or not 0 <= number <= _SEQ_MOST:
        raise PermanentError(f"{name} {str(value)[:40]!r} is not an integer from 0 to {_SEQ_MOST}")
    return int(number)


def _radio(body: dict[str, Any]) -> dict[str, float]:
    """Return rssi and snr as far as they can be what they are called."""
    found = {}
    for key, (lo, hi) in (("rssi", _RSSI), ("snr", _SNR)):
        number = number_of(body.get(key))
        if number is not None and lo <= number <= hi:
            found[key] = number
    return found


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return path and body of a callback with the usual names; numbers as text, as the backend fills them in."""
    frame = envelope.frame
    body: dict[str, Any] = {"device": frame.address.upper(), "data": frame.payload.hex(), **envelope.values}
    if envelope.seq is not None:
        body["seqNumber"] = str(envelope.seq % (_SEQ_MOST + 1))
    if envelope.observed_ns is not None:
        body["time"] = str(envelope.observed_ns // SECOND_NS)
    return "", json.dumps(body).encode()


def configure(options: Options) -> UplinkSpec:
    """Return the uplink as a source's options want it. Raises PermanentError naming each wrong one."""
    wanted = read_options(SigfoxOptions, options, of="sigfox")
    return replace(UPLINK, unwrap=partial(unwrap, options=wanted))


UPLINK = UplinkSpec(
    name="sigfox",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    carries="http",
    is_pushed=True,
    configure=configure,
)
