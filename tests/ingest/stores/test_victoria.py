"""The write path against a real server: every point once, however often and however cut it was sent."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.deliver import deliver
from ingest.store_model import Points, SeriesKey
from ingest.stores.influx import InfluxParams, InfluxStore
from tests.ingest.stores.victoria import Victoria, needs_victoria, victoria

pytestmark = [pytest.mark.services, needs_victoria]

T_NS = 1_767_225_600_000_000_000
MS_NS = 1_000_000
KEYS = tuple(
    SeriesKey(device_id=f"d-{i}", station="山の上, =駅", quantity=quantity)
    for i in range(3)
    for quantity in ("snow_depth", "air_temperature")
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    with victoria(tmp_path_factory.mktemp("victoria")) as running:
        yield running


def points(count: int, *, first: int = 0) -> Points:
    numbers = range(first, first + count)
    return Points(
        series=KEYS,
        place=[i % len(KEYS) for i in numbers],
        observed_ns=[T_NS + i * MS_NS for i in numbers],
        value=[i / 7 if i % 50 else math.nan for i in numbers],
        flag=[1 if i % 50 else 9 for i in numbers],
    )


def store(server: Victoria, *, measurement: str) -> InfluxStore:
    return InfluxStore(InfluxParams(url=server.url, bucket="b", measurement=measurement))


@pytest.mark.lesson(51)
def test_every_point_arrives_with_value_and_flag(server: Victoria) -> None:
    sent = points(5_000)
    written = store(server, measurement="arrives").write(sent)
    values = server.values(measurement="arrives")
    assert written.accepted == 5_000
    assert (
        len(server.values("flag", measurement="arrives")) == len(server.values("bad", measurement="arrives")) == 5_000
    )
    assert len(values) == 4_900
    for i in (1, 77, 4_999):
        key = KEYS[i % len(KEYS)]
        assert values[key.device_id, key.quantity, (T_NS + i * MS_NS) // MS_NS] == [pytest.approx(i / 7)]
    assert store(server, measurement="arrives").is_answering()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_cut_and_any_repetition_give_the_same_set(server: Victoria, data: st.DataObject) -> None:
    """The server keeps a repeated point twice in its files and shows it so: what counts is the set of points."""
    measurement = f"cut_{data.draw(st.integers(0, 2**60))}"
    influx = store(server, measurement=measurement)
    sent = points(60)
    cuts = sorted(data.draw(st.sets(st.integers(1, 59), max_size=6)))
    spans = list(zip([0, *cuts], [*cuts, 60], strict=True))
    for first, last in data.draw(st.permutations(spans + data.draw(st.lists(st.sampled_from(spans), max_size=4)))):
        assert deliver(sent.cut(first, last), influx.write).accepted == last - first
    values = server.values(measurement=measurement)
    assert len(values) == 58
    assert all(len(set(stored)) == 1 for stored in values.values())
    assert len(server.values("flag", measurement=measurement)) == 60
