"""The rules of Milesight's TLV that no single model owns."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, Frame, PermanentError
from devices.payloads import milesight as m

TLV = m.Tlv(
    name="a test device",
    channels=(m.channel("0175", m.BATTERY), m.channel("0367", m.TEMPERATURE), m.channel("0600", m.state("tamper"))),
    histories=(m.history(m.TEMPERATURE, pad=1),),
)
RECORD = "20ce 00f15365 f6ff 00"


def heard(payload: str | bytes, port: int | None = m.PORT) -> Decoded:
    raw = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return TLV.decode(Frame(gateway_id="g", transport="lorawan", address="a", payload=raw, received_ns=0, port=port))


@pytest.mark.bad_input(56)
@pytest.mark.parametrize("payload", ["ff0bff", "ff0bff ff0101", "0175 5c ff0bff", "fffeff", "ff0bff 9999"])
def test_a_power_on_notice_says_that_counters_begin_again(payload: str) -> None:
    assert heard(payload).has_restarted


@pytest.mark.parametrize("payload", ["01755c", "ff0101", "ff0f00 01755c", RECORD])
def test_nothing_else_says_so(payload: str) -> None:
    assert not heard(payload).has_restarted


@pytest.mark.parametrize(
    ("payload", "is_partial"),
    [("01755c", False), ("01755c 9999", True), ("01755c ff77", True), (f"{RECORD} 9999", True)],
)
def test_behind_an_unknown_channel_the_payload_is_partial(payload: str, is_partial: bool) -> None:
    assert heard(payload).is_partial is is_partial


@pytest.mark.bad_input(56)
def test_several_records_are_earlier_each_with_its_time() -> None:
    later = "20ce 10f15365 0500 00"
    decoded = heard(later + RECORD)
    assert decoded.values == {}
    assert [(one.values["air_temperature"], one.observed_ns, one.is_history) for one in decoded.earlier] == [
        (0.5, 1_700_000_016 * 10**9, True),
        (-1.0, 1_700_000_000 * 10**9, True),
    ]


def test_a_record_from_before_the_clock_was_set_has_no_time_and_is_left_out() -> None:
    decoded = heard("01755c 20ce 10000000 f6ff 00")
    assert (decoded.values, decoded.earlier, decoded.is_partial) == ({"battery_level": 92.0}, (), True)


@pytest.mark.bad_input(48, 59)
@pytest.mark.parametrize("port", [None, 0, 1, 84, 86, 224, 255])
def test_another_port_is_another_protocol(port: int | None) -> None:
    with pytest.raises(PermanentError, match="FPort"):
        heard("01755c", port=port)


@pytest.mark.bad_input(48, 59)
def test_a_keep_alive_is_no_reading() -> None:
    with pytest.raises(PermanentError, match="empty"):
        heard("")


@pytest.mark.bad_input(59)
def test_a_long_payload_in_two_uplinks_is_two_readings() -> None:
    assert heard("01755c 0367f6ff").values == {"battery_level": 92.0, "air_temperature": -1.0}
    assert heard("060001").values == {"tamper": 1.0}


@pytest.mark.bad_input(49)
@given(data=st.data())
def test_a_cut_payload_is_refused_or_says_less_never_something_else(data: st.DataObject) -> None:
    whole = bytes.fromhex("01755c 0367f6ff 060001" + RECORD.replace(" ", ""))
    full = heard(whole)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with suppress(PermanentError):
        part = heard(cut)
        assert part.values.items() <= full.values.items()
        assert part.earlier == full.earlier[: len(part.earlier)]


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        assert isinstance(heard(payload), Decoded)


def test_what_is_made_is_read_again() -> None:
    earlier = Decoded(values={"air_temperature": -1.0}, observed_ns=1_700_000_000 * 10**9, is_history=True)
    said = Decoded(values={"battery_level": 92.0}, earlier=(earlier,), has_restarted=True)
    assert heard(TLV.encode(said).payload) == said
    assert heard(TLV.encode(earlier).payload) == earlier


def test_a_record_without_a_time_cannot_be_made() -> None:
    with pytest.raises(PermanentError, match="needs a time"):
        TLV.encode(Decoded(values={"air_temperature": 1.0}, is_history=True))
