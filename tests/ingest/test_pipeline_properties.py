"""Observations and events are a function of the set of readings and the clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devices.model import Reading
from tests.ingest.core_town import SECOND_NS, T0_NS, Town, device, reading, rule, town

LATENESS_S = 900
END_S = 14_400

SITE = town(
    device("gauge", more='mount_height_m = 3.0\ntemperature_from = "air"\nexpected_interval_s = 300'),
    device("air", more="expected_interval_s = 300"),
    device("radio", model="decentlab_dl_mbx", more="mount_height_m = 3.0\nexpected_interval_s = 300"),
    device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 600"),
    device("pir", model="aqara_rtcgq11lm", station="home-1", more="expected_interval_s = 600"),
    device("door", model="aqara_mccgq11lm", station="home-1", more="expected_interval_s = 600"),
    '[[home]]\nid = "home-1"\nstation = "home-1"\ndevices = ["pir", "door"]',
    rule(
        "deep", "threshold", params="raise_at = 1.0, clear_at = 0.9, hold_s = 120, clear_hold_s = 60",
        more='quantity = "snow_depth"',
    ),
    rule("cold", "threshold", params='raise_at = -5.0, direction = "below"', more='quantity = "air_temperature"'),
    rule("sprung", "contact_event", more='domain = "wildlife"'),
    rule("still", "no_motion", params="hours = 0.5, stuck_after_s = 400"),
    rule("silent", "silent", params="intervals = 2.0, grace_s = 60"),
    rule("channel", "silent", params="intervals = 2.0, grace_s = 60, channel = true"),
    lateness_s=LATENESS_S,
)  # fmt: skip

CHANNELS: dict[tuple[str, str], tuple[float, ...]] = {
    ("gauge", "distance"): (1.9, 2.0, 2.05, 2.2, 0.0, math.nan, 5.0, 3.01),
    ("air", "air_temperature"): (-12.0, -5.0, -4.9, 3.0),
    ("radio", "distance"): (1.8, 2.0, 2.05, 2.2),
    ("radio", "valid_samples"): (10.0, 11.0),
    ("trap", "contact_open"): (0.0, 1.0),
    ("trap", "rssi"): (-90.0, -100.0),
    ("pir", "occupancy"): (0.0, 1.0),
    ("door", "contact_open"): (0.0, 1.0),
    ("door", "battery_level"): (99.0,),
}
COUNTED = {"radio", "trap"}


@dataclass(frozen=True)
class Delivery:
    """A reading and when it arrives here."""

    reading: Reading
    arrives_s: float


@st.composite
def readings(draw: st.DrawFn) -> list[Reading]:
    """Readings as devices would send them: in bursts, with gaps, counters that restart, some resent."""
    made: list[Reading] = []
    for device_id, quantity in draw(st.lists(st.sampled_from(sorted(CHANNELS)), min_size=1, max_size=5, unique=True)):
        at_s = draw(st.integers(0, 600))
        seq = draw(st.integers(0, 3)) if device_id in COUNTED else None
        for _ in range(draw(st.integers(1, 14))):
            at_s += draw(st.sampled_from((10, 60, 61, 120, 300, 300, 600, 700, 1900)))
            if at_s > END_S - 2000:
                break
            value = draw(st.sampled_from(CHANNELS[device_id, quantity]))
            transit_s = draw(st.sampled_from((0, 0, 0, 1, 30)))
            is_resent = draw(st.integers(0, 9)) == 0
            made.append(
                reading(
                    device_id, quantity, value, at_s=at_s, received_s=at_s + transit_s, seq=seq, resent=is_resent
                )
            )  # fmt: skip
            if seq is not None:
                seq = draw(st.sampled_from((seq + 1, seq + 1, seq + 1, seq + 1, seq + 2, 0)))
    return made


@st.composite
def copies(draw: st.DrawFn, given_readings: list[Reading]) -> list[Reading]:
    """The readings and copies of some: the very same, received again, resent, or stamped by another gateway."""
    out = list(given_readings)
    for one in given_readings:
        kind = draw(st.integers(0, 11))
        late_ns = draw(st.sampled_from((1, 5, 48, 200))) * SECOND_NS
        if kind == 0:
            out.append(one)
        elif kind == 1:
            out.append(replace(one, received_ns=one.received_ns + late_ns))
        elif kind == 2:
            out.append(replace(one, resent=True))
        elif kind == 3 and one.seq is not None:
            out.append(replace(one, observed_ns=one.observed_ns + late_ns, received_ns=one.received_ns + late_ns))
        elif kind == 4 and one.seq is None:
            other = draw(st.sampled_from(CHANNELS[one.device_id, one.quantity]))
            out.append(replace(one, value=other, received_ns=one.received_ns + late_ns))
    return out


def whole(received: list[Reading]) -> Town:
    """Everything at once, in order of observed time."""
    one = Town(SITE)
    one.take(*sorted(received, key=lambda r: (r.observed_ns, r.received_ns, r.device_id)), now_s=END_S)
    return one


def conclusions(one: Town) -> tuple[object, ...]:
    conflicts = {(q.device_id, q.detail, q.reason) for q in one.record.quarantine}
    return one.record.rows, one.record.identities(), conflicts


@st.composite
def arrivals(draw: st.DrawFn, received: list[Reading]) -> list[Delivery]:
    delays = [draw(st.sampled_from((0, 0, 0, 2, 45, 200, 600))) for _ in received]
    out = [Delivery(r, (r.received_ns - T0_NS) / SECOND_NS + delay) for r, delay in zip(received, delays, strict=True)]
    return sorted(draw(st.permutations(out)), key=lambda d: d.arrives_s)


SLOW = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@SLOW
@given(st.data())
@pytest.mark.lesson(26, 46)
def test_order_batches_copies_and_restarts_change_nothing(data: st.DataObject) -> None:
    received = data.draw(copies(data.draw(readings())))
    deliveries = data.draw(arrivals(received))
    restless = Town(SITE)
    while deliveries:
        count = data.draw(st.integers(1, 6))
        chosen, deliveries = deliveries[:count], deliveries[count:]
        restless.take(*(d.reading for d in chosen), now_s=chosen[-1].arrives_s)
        step = data.draw(st.integers(0, 5))
        if step == 0:
            restless.restart()
        elif step == 1:
            restless.tick(chosen[-1].arrives_s + 0.5)
    restless.tick(END_S)
    assert conclusions(restless) == conclusions(whole(received))
