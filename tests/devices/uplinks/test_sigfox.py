from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, PermanentError
from devices.uplinks.sigfox import UPLINK, configure
from tests.devices.frames import message

DATA: dict[str, Any] = {
    "device": "C0FFEE", "time": "1700000000", "data": "01FF9C0BB8", "seqNumber": "41", "rssi": "-118.00",
    "snr": "12.30",
}  # fmt: skip


def unwrap(body: Any, **options: Any) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return configure(options).unwrap(message("", payload))


def one(**change: Any) -> Envelope:
    (envelope,) = unwrap({key: value for key, value in (DATA | change).items() if value is not None})
    return envelope


@pytest.mark.bad_input(86)
def test_a_callback_with_everything_as_text() -> None:
    envelope = one()
    assert (envelope.frame.address, envelope.frame.payload.hex(), envelope.seq) == ("c0ffee", "01ff9c0bb8", 41)
    assert envelope.observed_ns == 1_700_000_000_000_000_000
    assert envelope.values == {"rssi": -118.0, "snr": 12.3}
    assert one(time=1_700_000_000, seqNumber=41, rssi=-118, snr=12.3) == envelope


@pytest.mark.bad_input(86)
def test_the_counter_begins_anew_after_4095() -> None:
    assert [one(seqNumber=str(number)).seq for number in (4094, 4095, 0)] == [4094, 4095, 0]
    for number in ("4096", "-1", "1.5", "x", True, "１"):
        with pytest.raises(PermanentError, match="seqNumber"):
            one(seqNumber=number)
    assert one(seqNumber=None).seq is None


@pytest.mark.bad_input(86)
def test_data_advanced_is_the_same_frame_half_a_minute_later() -> None:
    first = one()
    later = one(lqi="Good", computedLocation={"lat": 36.5, "lng": 138.2, "radius": 4000, "status": 1})
    assert (later.frame, later.seq, later.observed_ns) == (first.frame, first.seq, first.observed_ns)
    assert unwrap({key: value for key, value in DATA.items() if key != "data"} | {"lqi": "Good"}) == ()


@pytest.mark.bad_input(62)
def test_a_position_that_the_network_computes_is_not_the_devices() -> None:
    assert not {"latitude", "longitude"} & set(one(computedLocation={"lat": 36.5, "lng": 138.2}).values)


def test_radio_levels_that_cannot_be_what_they_are_called_are_left_out() -> None:
    assert one(rssi="12.30", snr="-118.00").values == {}
    assert one(rssi=None, snr="").values == {}


def test_a_site_may_have_other_names() -> None:
    body = {"id": "C0FFEE", "t": "1700000000", "d": "01", "n": "7"}
    (envelope,) = unwrap(body, device_name="id", time_name="t", data_name="d", seq_name="n")
    assert (envelope.frame.address, envelope.frame.payload, envelope.seq) == ("c0ffee", b"\x01", 7)
    with pytest.raises(PermanentError, match=r"device_name.*colour"):
        configure({"device_name": "", "colour": 1})


@pytest.mark.parametrize(
    "body",
    [
        {},
        DATA | {"device": None},
        DATA | {"device": 12},
        DATA | {"device": "{device}"},
        DATA | {"device": ""},
        DATA | {"data": "0"},
        DATA | {"data": "{data}"},
        DATA | {"data": 5},
        [DATA],
        b"",
    ],
)
def test_what_is_no_callback_is_refused(body: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(body)


@given(payload=st.binary(max_size=80))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message("", payload))
