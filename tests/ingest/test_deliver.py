"""Bad points are found one by one; the good ones arrive whatever stands beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.deliver import REFUSED_IN_A_ROW, Delivery, deliver
from ingest.store_model import Points, PointsRefusedError, SeriesKey, StoreAwayError, Written

KEY = SeriesKey(device_id="d", station="s", quantity="q")


def numbered(count: int) -> Points:
    return Points(
        series=(KEY,), place=[0] * count, observed_ns=list(range(count)), value=[0.5] * count, flag=[1] * count
    )


class Picky:
    """A store that refuses a write with a bad point in it, and may have stored the others all the same."""

    def __init__(self, bad: set[int], *, keeps_the_rest: bool) -> None:
        self.bad, self.keeps_the_rest = bad, keeps_the_rest
        self.stored: set[int] = set()
        self.writes = 0

    def write(self, points: Points) -> Written:
        self.writes += 1
        bad = self.bad & set(points.observed_ns)
        if not bad or self.keeps_the_rest:
            self.stored |= set(points.observed_ns) - bad
        if bad:
            raise PointsRefusedError("no")
        return Written(accepted=len(points))


@given(count=st.integers(0, 40), data=st.data())
def test_all_but_the_bad_ones_arrive(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, max(0, count - 1)), max_size=count))
    store = Picky(bad, keeps_the_rest=data.draw(st.booleans()))
    delivery = deliver(numbered(count), store.write)
    if delivery.is_complete:
        assert store.stored == set(range(count)) - bad
        assert {refused.index for refused in delivery.refused} == bad & set(range(count))
        assert delivery.accepted == len(store.stored)
    else:
        assert len(delivery.refused) >= REFUSED_IN_A_ROW


def test_one_bad_point_costs_few_writes() -> None:
    store = Picky({1234}, keeps_the_rest=False)
    delivery = deliver(numbered(5_000), store.write)
    assert [refused.index for refused in delivery.refused] == [1234]
    assert store.writes <= 2 * 13 + 2


def test_a_store_that_refuses_everything_is_not_asked_for_ever() -> None:
    store = Picky(set(range(5_000)), keeps_the_rest=False)
    delivery = deliver(numbered(5_000), store.write)
    assert not delivery.is_complete
    assert store.writes < 150


def test_points_too_old_are_counted() -> None:
    delivery = deliver(numbered(3), lambda points: Written(accepted=1, too_old=len(points) - 1))
    assert delivery == Delivery(accepted=1, too_old=2, refused=())


def test_a_store_that_is_away_is_told_to_the_caller() -> None:
    def write(points: Points) -> Written:
        raise StoreAwayError("gone", retry_after_s=1.0)

    with pytest.raises(StoreAwayError):
        deliver(numbered(3), write)
