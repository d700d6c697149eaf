"""What a cloud sends twice is one observation at the hub: the same device, quantity, time and counter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devices.model import SECOND_NS, UplinkMessage
from devices.site_file import parse_site
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Decoder, MessageArrival, Told, plugins_of

NOW_NS = 1_700_000_000 * SECOND_NS
Identity = tuple[str, str, int, int | None]

_SITE = """
version = 1
[town]
id = "t"
name = "T"
[[station]]
id = "s"
name = "S"
domain = "wildlife"
[[gateway]]
id = "gw"
name = "G"
[[device]]
id = "door"
name = "D"
model = "switchbot_contact"
station = "s"
address = "d5e5f5a5b5c5"
[[device]]
id = "trap"
name = "T"
model = "bytes_mapped"
station = "s"
address = "c0ffee"
options = { length = 1, field = [{ byte = 0, bit = 0, quantity = "contact_open" }] }
[[device]]
id = "lora"
name = "L"
model = "milesight_em300_mcs"
station = "s"
address = "24E124136B502217"
[[device]]
id = "dog"
name = "K"
model = "owntracks_tracker"
station = "s"
address = "dogs/kuro"
"""


class Clouds:
    """A gateway's decoder that clouds push to."""

    def __init__(self) -> None:
        site = parse_site(_SITE)
        plugins = plugins_of(site, site.gateway[0])
        self._decoder = Decoder(site, plugins, DeviceClocks(ClockLimits(), believed={}))

    def push(self, uplink: str, body: Any, *, after_s: float, topic: str = "") -> list[Identity]:
        """Return the identities of what the push said."""
        received_ns = NOW_NS + round(after_s * SECOND_NS)
        message = UplinkMessage(
            gateway_id="gw", topic=topic, payload=json.dumps(body).encode(), received_ns=received_ns
        )  # fmt: skip
        outcomes = self._decoder.decode(MessageArrival(message=message, uplink=uplink))
        return [
            (r.device_id, r.quantity, r.observed_ns, r.seq)
            for outcome in outcomes
            if isinstance(outcome, Told)
            for r in outcome.readings
        ]


@pytest.mark.bad_input(76)
@pytest.mark.parametrize("after_s", [2.0, 600.0, 3_000.0])
def test_a_webhook_that_is_repeated_is_one_opening(after_s: float) -> None:
    clouds = Clouds()
    context = {"deviceMac": "D5E5F5A5B5C5", "openState": "open", "timeOfSample": NOW_NS // 1_000_000}
    body = {"eventType": "changeReport", "context": context}
    first = clouds.push("switchbot", body, after_s=1.0)
    assert first == [("door", "contact_open", NOW_NS, None)]
    assert clouds.push("switchbot", body, after_s=after_s) == first


@pytest.mark.bad_input(86)
@pytest.mark.lesson(46)
def test_data_advanced_is_the_same_message() -> None:
    clouds = Clouds()
    body = {"device": "C0FFEE", "time": str(NOW_NS // SECOND_NS), "data": "01", "seqNumber": "4095"}
    first = clouds.push("sigfox", body, after_s=1.0)
    assert first == [("trap", "contact_open", NOW_NS, 4095)]
    assert clouds.push("sigfox", body | {"lqi": "Good"}, after_s=31.0) == first
    after = clouds.push("sigfox", body | {"seqNumber": "0", "time": str(NOW_NS // SECOND_NS + 600)}, after_s=601.0)
    assert after == [("trap", "contact_open", NOW_NS + 600 * SECOND_NS, 0)]


@pytest.mark.bad_input(57)
def test_uplinks_that_waited_for_hours_keep_their_times_and_their_order() -> None:
    """A network gateway was cut off; the server hands out what it kept, all in one second."""
    clouds = Clouds()

    def uplink(counter: int, at_s: int) -> dict[str, Any]:
        time = f"2023-11-14T{22 + (13 * 60 + 20 + at_s) // 3600:02}:{(13 * 60 + 20 + at_s) // 60 % 60:02}:20Z"
        return {
            "deviceInfo": {"devEui": "24e124136b502217"}, "fCnt": counter, "fPort": 85, "data": "BgAB", "time": time,
        }  # fmt: skip

    clouds.push("chirpstack_v4", uplink(1, 0), after_s=0.0)
    waited = [clouds.push("chirpstack_v4", uplink(1 + n, 600 * n), after_s=3_700.0) for n in range(1, 7)]
    assert [said[0][2] for said in waited] == [NOW_NS + 600 * n * SECOND_NS for n in range(1, 7)]
    assert [said[0][3] for said in waited] == [2, 3, 4, 5, 6, 7]


@pytest.mark.bad_input(60)
def test_the_last_known_position_sent_again_is_no_new_one() -> None:
    clouds = Clouds()
    body = {"_type": "location", "lat": 36.5, "lon": 138.2, "tst": NOW_NS // SECOND_NS}
    first = clouds.push("owntracks", body, after_s=1.0, topic="owntracks/dogs/kuro")
    assert {at_ns for _, _, at_ns, _ in first} == {NOW_NS}
    assert clouds.push("owntracks", body, after_s=1_800.0, topic="owntracks/dogs/kuro") == first
