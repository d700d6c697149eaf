"""What every network envelope keeps to; a new file is tested here without an edit."""

from __future__ import annotations

import importlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, DeviceSpec, Envelope, Frame, PermanentError
from devices.registry import load_catalog, load_uplinks
from tests.devices.frames import RECEIVED_NS, message

UPLINKS = load_uplinks()
CATALOG = load_catalog()


@pytest.mark.parametrize("name", UPLINKS)
def test_the_file_is_named_like_the_uplink_and_says_its_source(name: str) -> None:
    module = importlib.import_module(f"devices.uplinks.{name}")
    assert module.UPLINK is UPLINKS[name]
    assert "Source: https://" in (module.__doc__ or "")


@pytest.mark.parametrize("name", UPLINKS)
def test_its_topics_are_subscriptions(name: str) -> None:
    assert UPLINKS[name].topics or UPLINKS[name].is_pushed or UPLINKS[name].serial
    for topic in UPLINKS[name].topics:
        assert "#" not in topic[:-1]
        assert topic[0] not in "#/"
        # a first level that is any device's name needs another one that tells the network
        assert any(level not in {"+", "#"} for level in topic.split("/"))


def said_by(spec: DeviceSpec) -> tuple[str, Frame]:
    """Return a quantity that the model can tell alone, and a frame that says it is about 1."""
    for quantity in spec.quantities:
        with suppress(PermanentError):
            said = spec.encode(Decoded(values={quantity: 1.0}))
            if quantity in spec.decode(said).values:
                return quantity, said
    raise AssertionError(f"{spec.model} can tell none of its quantities alone")


# What is on the air is carried by any of its networks; a home stack or a cloud carries what belongs to it, which are
# the models that begin with its own first word, and these.
OTHERS_OF = {"zigbee2mqtt": ("aqara", "zigbee"), "plain": ("json",), "sigfox": ("bytes",)}


def carries(name: str, model: str) -> bool:
    uplink, first = UPLINKS[name], name.split("_")[0]
    if CATALOG[model].transport != uplink.carries or uplink.serial is not None or model == "senml":
        return False
    return uplink.carries == "lorawan" or model.split("_")[0] in (first, *OTHERS_OF.get(first, ()))


CARRIED = [
    pytest.param(name, model, id=f"{name}-{model}") for name in UPLINKS for model in CATALOG if carries(name, model)
]


@pytest.mark.parametrize(("name", "model"), CARRIED)
def test_a_frame_of_each_device_it_carries_comes_through(name: str, model: str) -> None:
    uplink, spec = UPLINKS[name], CATALOG[model]
    quantity, said = said_by(spec)
    topic, payload = uplink.wrap(
        Envelope(frame=replace(said, address="70b3d57050000102"), seq=7 if uplink.carries == "lorawan" else None)
    )
    (envelope,) = uplink.unwrap(message(topic, payload))
    assert spec.decode(envelope.frame).values[quantity] == spec.decode(said).values[quantity]
    assert envelope.frame.address == "70b3d57050000102"
    assert envelope.frame.received_ns == RECEIVED_NS


def test_every_network_carries_a_device_of_the_catalogue() -> None:
    assert {str(row.values[0]) for row in CARRIED} == {name for name in UPLINKS if UPLINKS[name].serial is None}


@pytest.mark.parametrize("name", UPLINKS)
@given(payload=st.binary(max_size=80), level=st.text(max_size=10))
def test_any_message_is_unwrapped_or_refused(name: str, payload: bytes, level: str) -> None:
    topic = (UPLINKS[name].topics or ("+",))[0].replace("#", level).replace("+", level)
    with suppress(PermanentError):
        UPLINKS[name].unwrap(message(topic, payload))
