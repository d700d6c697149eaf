"""Reading ahead: the same portions as without, never an old "nothing new"; faults are told by who needs the rows."""

from __future__ import annotations

from threading import Event
from typing import cast

import pytest

from devices.model import TransientError
from ingest.feed import JournalFeed, Portion
from ingest.forward_book import Place
from ingest.read_ahead import ReadAhead
from ingest.store_model import Points, SeriesKey

KEY = SeriesKey(device_id="snow-01", station="pass", quantity="snow_depth")


class Feed:
    """Gives one point a place until `newest`; `may_read` holds it up, `fails` makes it fail."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.asked: list[int] = []
        self.may_read = Event()
        self.may_read.set()
        self.fails = False

    def after(self, place: Place, *, limit: int) -> Portion:
        self.asked.append(place.commit_no)
        assert self.may_read.wait(10)
        if self.fails:
            raise TransientError("journal cannot be read")
        count = min(limit, self.newest - place.commit_no)
        numbers = range(place.commit_no + 1, place.commit_no + count + 1)
        points = Points(
            series=(KEY,), place=[0] * count, observed_ns=list(numbers), value=[1.0] * count, flag=[1] * count
        )
        return Portion(points=points, place=Place(place.commit_no + count))


def ahead_of(feed: Feed) -> ReadAhead:
    return ReadAhead(cast(JournalFeed, feed), limit=2)


def test_what_was_read_ahead_is_not_read_again() -> None:
    feed = Feed(newest=10)
    ahead = ahead_of(feed)
    first = ahead.after(Place(0))
    ahead.begin(first.place)
    ahead.end()
    second = ahead.after(first.place)
    assert list(second.points.observed_ns) == [3, 4]
    assert feed.asked == [0, 2]


def test_it_reads_while_nobody_waits() -> None:
    feed = Feed(newest=10)
    feed.may_read.clear()
    ahead = ahead_of(feed)
    ahead.begin(Place(2))  # returns though nothing can be read yet
    feed.may_read.set()
    ahead.end()
    assert list(ahead.after(Place(2)).points.observed_ns) == [3, 4]


def test_another_place_is_read_anew() -> None:
    feed = Feed(newest=10)
    ahead = ahead_of(feed)
    ahead.begin(Place(4))
    ahead.end()
    assert list(ahead.after(Place(0)).points.observed_ns) == [1, 2]
    assert list(ahead.after(Place(4)).points.observed_ns) == [5, 6]


def test_that_there_was_nothing_is_asked_again() -> None:
    feed = Feed(newest=2)
    ahead = ahead_of(feed)
    ahead.begin(Place(2))
    ahead.end()
    feed.newest = 3
    assert list(ahead.after(Place(2)).points.observed_ns) == [3]


def test_a_fault_is_told_to_who_needs_the_rows() -> None:
    feed = Feed(newest=4)
    feed.fails = True
    ahead = ahead_of(feed)
    ahead.begin(Place(2))
    ahead.end()
    with pytest.raises(TransientError):
        ahead.after(Place(2))
    feed.fails = False
    assert list(ahead.after(Place(2)).points.observed_ns) == [3, 4]
