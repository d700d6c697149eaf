"""A town with a codec of its own: from `site.toml` and a network message to values."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from devices.fitting import fit_devices
from devices.registry import load_uplinks
from devices.site_file import SiteError, load_site
from tests.devices.codecs import THERMOMETER, put
from tests.devices.frames import message

SITE = """
version = 1
[town]
id = "t"
name = "T"
[codecs]
folder = "codecs"
[[station]]
id = "pass"
name = "峠"
domain = "snow"
latitude = 37.0
longitude = 138.0
[[gateway]]
id = "gw"
name = "G"
[[gateway.source]]
kind = "mqtt"
uplink = "chirpstack_v4"
host = "127.0.0.1"
[[device]]
id = "th-1"
name = "T1"
model = "acme_th_js"
station = "pass"
address = "70b3d57050000102"
"""


@pytest.fixture
def site_path(tmp_path: Path) -> Path:
    put(tmp_path / "codecs" / "acme_th_js")
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def test_a_message_of_a_device_with_its_own_codec_becomes_values(site_path: Path) -> None:
    spec = fit_devices(load_site(site_path))["th-1"]
    event = {
        "deviceInfo": {"devEui": "70b3d57050000102"}, "fCnt": 4, "fPort": 7,
        "data": base64.b64encode(bytes.fromhex("ffce3201")).decode(),
    }  # fmt: skip
    topic = "application/x/device/70b3d57050000102/event/up"
    (envelope,) = load_uplinks()["chirpstack_v4"].unwrap(message(topic, json.dumps(event).encode()))
    assert spec.decode(envelope.frame).values == {
        "air_temperature": -5.0, "relative_humidity": 50.0, "contact_open": 1.0,
    }  # fmt: skip


@pytest.mark.bad_input(55)
def test_a_site_whose_codec_changed_says_so_before_it_starts(site_path: Path) -> None:
    codec = site_path.parent / "codecs" / "acme_th_js" / "codec.js"
    codec.write_text(THERMOMETER + "\n", encoding="utf-8")
    with pytest.raises(SiteError, match="look what changed"):
        load_site(site_path)
