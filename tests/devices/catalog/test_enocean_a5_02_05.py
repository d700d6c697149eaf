from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_02_05 import DEVICE
from devices.model import Decoded, PermanentError
from devices.uplinks.enocean_esp3 import UPLINK
from tests.devices.frames import frame, message

# captures of two Japanese sticks USB400J hearing STM 431J, as two projects publish them (both MIT)
CAPTURES = [
    # node-enocean-utils: 28.7 degrees, -41 dBm
    ("55 00 0A 02 0A 9B 22 04 01 31 95 00 00 48 08 63 01 29 CA", "04013195", -41.0, {"air_temperature": 28.7}),
    # AtomS3-EnOcean-STM431J: 26.67 degrees, and the teach-in with a 48-bit id
    ("55 00 0A 02 0A 9B 22 04 00 CB 76 00 00 55 08 BD 01 29 CA", "0400cb76", -41.0, {"air_temperature": 26.67}),
    ("55 00 0C 02 0A E6 62 00 00 04 00 CB 76 08 28 0B 80 89 01 2B C4", "0400cb76", -43.0, {}),
]


@pytest.mark.bad_input(44, 45)
@pytest.mark.parametrize(("raw", "address", "rssi_dbm", "expected"), CAPTURES, ids=["data", "data too", "teach-in"])
def test_captures_of_japanese_sticks(raw: str, address: str, rssi_dbm: float, expected: dict[str, float]) -> None:
    (envelope,) = UPLINK.unwrap(message("", bytes.fromhex(raw)))
    assert (envelope.frame.address, envelope.values) == (address, {"rssi": rssi_dbm})
    assert DEVICE.decode(envelope.frame).values == pytest.approx(expected, abs=0.05)


def test_the_vector_of_another_decoder() -> None:
    """The telegram of the tests of kipe/enocean (MIT): raw 85 is 26.7 degrees."""
    raw = bytes.fromhex("55000a0701eba5000055080181b7440001ffffffff2d0075")
    (envelope,) = UPLINK.unwrap(message("", raw))
    assert DEVICE.decode(envelope.frame).values["air_temperature"] == pytest.approx(26.7, abs=0.05)


@pytest.mark.parametrize(
    ("payload", "expected"), [("a50000000800", 40.0), ("a50000ff0800", 0.0), ("a50000330800", 32.0)]
)
def test_a_larger_number_is_colder(payload: str, expected: float) -> None:
    assert DEVICE.decode(frame(DEVICE, payload)).values == {"air_temperature": expected}
    assert DEVICE.encode(Decoded(values={"air_temperature": expected})).payload.hex() == payload


@pytest.mark.parametrize("value", [-0.1, 40.1, math.nan, math.inf])
def test_what_has_no_place_on_the_wire_is_refused(value: float) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values={"air_temperature": value}))


@pytest.mark.parametrize("payload", ["d50800", "a500550800", "a5000055080000"])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        DEVICE.decode(frame(DEVICE, payload))
