"""Which wire a device speaks on: a radio stick's line, a polled line that cannot be spoken on unasked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Event

import pytest

from devices.model import PermanentError, UplinkMessage
from devices.registry import load_catalog, load_uplinks
from devices.site import Site
from firmware_sim.rows import Uttering
from firmware_sim.send import Patience
from firmware_sim.wires import Wires

SENDER = "0181b744"


def site_with(source: Mapping[str, object], device: Mapping[str, object]) -> Site:
    return Site.model_validate(
        {
            "version": 1,
            "town": {"id": "t", "name": "T"},
            "station": [{"id": "s", "name": "S", "domain": "watch"}],
            "gateway": [{"id": "g", "name": "G", "source": [source]}],
            "device": [{"id": "d", "name": "D", "station": "s", **device}],
        }
    )


def wires_of(site: Site) -> Wires:
    return Wires(site=site, patience=Patience(stop=Event(), seconds=5.0))


def uttering(**values: float) -> Uttering:
    return Uttering(device_id="d", values=values, observed_ns=1)


def test_what_a_radio_stick_hears_comes_on_its_line(tmp_path: Path) -> None:
    port = tmp_path / "stick"
    source = {"kind": "serial", "port": str(port), "uplink": "enocean_esp3"}
    wires = wires_of(site_with(source, {"model": "enocean_d5_00_01", "address": SENDER}))
    assert wires.serial_ports(["d"]) == {str(port)}
    wires.send_raw_serial(str(port), b"")  # the line is there before anybody reads it
    line = os.open(port, os.O_RDONLY | os.O_NOCTTY)
    try:
        assert wires.say(uttering(contact_open=1.0), sent_ns=1) is not None
        heard = os.read(line, 200)
    finally:
        os.close(line)
    uplink = load_uplinks()["enocean_esp3"]
    assert uplink.serial is not None
    (packet,), rest = uplink.serial.split(heard)
    (envelope,) = uplink.unwrap(UplinkMessage(gateway_id="g", topic="", payload=packet, received_ns=1))
    assert (envelope.frame.address, rest) == (SENDER, b"")
    assert load_catalog()["enocean_d5_00_01"].decode(envelope.frame).values == {"contact_open": 1.0}


def test_an_instrument_that_waits_to_be_asked_is_not_replayed(tmp_path: Path) -> None:
    source = {"kind": "serial", "port": str(tmp_path / "line"), "device": "d"}
    wires = wires_of(site_with(source, {"model": "campbell_sr50a_sdi12"}))
    with pytest.raises(PermanentError, match="satomori sim instrument stands in for it"):
        wires.serial_ports(["d"])
