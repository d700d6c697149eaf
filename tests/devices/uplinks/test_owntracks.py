from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, PermanentError
from devices.uplinks.owntracks import UPLINK
from tests.devices.frames import message

LOCATION = {"_type": "location", "lat": 36.5, "lon": 138.25, "tst": 1_700_000_000}


def unwrap(body: Any, *, topic: str = "owntracks/dogs/kuro", is_retained: bool = False) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return UPLINK.unwrap(message(topic, payload, is_retained=is_retained))


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("owntracks/dogs/kuro", LOCATION),
        ("dogs/kuro", LOCATION),
        ("", LOCATION | {"topic": "owntracks/dogs/kuro"}),
    ],
)
def test_a_location_is_a_frame_of_user_and_device(topic: str, body: dict[str, Any]) -> None:
    (envelope,) = unwrap(body, topic=topic)
    assert envelope.frame.address == "dogs/kuro"
    assert envelope.observed_ns == 1_700_000_000_000_000_000


@pytest.mark.parametrize(("tst", "observed_ns"), [("1700000000", 1_700_000_000_000_000_000), (None, None), (-1, None)])
def test_the_time_may_be_a_text(tst: Any, observed_ns: int | None) -> None:
    (envelope,) = unwrap(LOCATION | {"tst": tst})
    assert envelope.observed_ns == observed_ns


@pytest.mark.bad_input(60)
def test_the_last_known_position_sent_again_has_the_time_it_had() -> None:
    (first,), (again,) = unwrap(LOCATION), unwrap(LOCATION | {"t": "p"})
    assert first.observed_ns == again.observed_ns


@pytest.mark.parametrize("kind", ["transition", "waypoint", "waypoints", "lwt", "encrypted", "card", "cmd", "steps"])
def test_other_types_carry_no_position(kind: str) -> None:
    assert unwrap({"_type": kind, "lat": 36.5, "lon": 138.25}) == ()


@pytest.mark.bad_input(85)
def test_a_retained_location_is_history_and_an_emptied_one_nothing() -> None:
    (envelope,) = unwrap(LOCATION, is_retained=True)
    assert envelope.is_retained
    assert unwrap(b"") == ()


@pytest.mark.parametrize(
    ("body", "topic"),
    [({}, "owntracks/a/b"), (b"[]", "owntracks/a/b"), ({"_type": 5}, "a"), (LOCATION, ""), (LOCATION, "x" * 200)],
)
def test_what_cannot_be_read_is_refused(body: Any, topic: str) -> None:
    with pytest.raises(PermanentError):
        unwrap(body, topic=topic)


@given(payload=st.binary(max_size=80), topic=st.text(max_size=20))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes, topic: str) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message(topic, payload))
