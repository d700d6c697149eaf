"""What every network envelope keeps to; a new file is tested here without an edit."""

from __future__ import annotations

import importlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, Envelope, PermanentError
from devices.registry import load_catalog, load_uplinks
from tests.devices.frames import RECEIVED_NS, message

UPLINKS = load_uplinks()


@pytest.mark.parametrize("name", UPLINKS)
def test_the_file_is_named_like_the_uplink_and_says_its_source(name: str) -> None:
    module = importlib.import_module(f"devices.uplinks.{name}")
    assert module.UPLINK is UPLINKS[name]
    assert "Source: https://" in (module.__doc__ or "")


@pytest.mark.parametrize("name", UPLINKS)
def test_its_topics_are_subscriptions(name: str) -> None:
    assert UPLINKS[name].topics
    assert all("#" not in topic[:-1] and topic.split("/")[0] not in {"#", "+"} for topic in UPLINKS[name].topics)


@pytest.mark.parametrize("name", UPLINKS)
def test_a_frame_of_each_device_it_carries_comes_through(name: str) -> None:
    uplink = UPLINKS[name]
    carried = [s for s in load_catalog().values() if s.transport == uplink.carries and s.model != "senml"]
    assert carried
    for spec in carried:
        said = spec.encode(Decoded(values={spec.quantities[0]: 1.0}))
        topic, payload = uplink.wrap(
            Envelope(frame=replace(said, address="70b3d57050000102"), seq=7 if uplink.carries == "lorawan" else None)
        )
        (envelope,) = uplink.unwrap(message(topic, payload))
        assert spec.decode(envelope.frame).values[spec.quantities[0]] == 1.0
        assert envelope.frame.address == "70b3d57050000102"
        assert envelope.frame.received_ns == RECEIVED_NS


@pytest.mark.parametrize("name", UPLINKS)
@given(payload=st.binary(max_size=80), level=st.text(max_size=10))
def test_any_message_is_unwrapped_or_refused(name: str, payload: bytes, level: str) -> None:
    topic = UPLINKS[name].topics[0].replace("#", level).replace("+", level)
    with suppress(PermanentError):
        UPLINKS[name].unwrap(message(topic, payload))
