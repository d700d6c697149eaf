"""What goes over the live stream: looks at both stores, encodes what is new once.

Ids: only the last message of a chunk carries one, so a client that loses the connection in the middle of a chunk gets
the whole chunk again. Every reading that changed a newest value is a `reading` message; of several readings of one
series between two looks only the newest is sent. `health` carries the town's clock, the state of the system, and the
cards of the stations that changed (to a new client: all).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from api.live_cards import Cards, Look
from api.render import event_out, latest_out
from api.schemas import AlertOut
from api.sources import Sources
from api.stream import Place
from api.stream_client import Chunk
from api.wire import Part, messages
from ingest.journal_read import EventRow, LatestRow

CARDS_EVERY_S = 1.0
CARDS_AFTER_NEWS_S = 0.25
HEALTH_EVERY_S = 5.0
MOST_EVENTS = 1_000
END_OF_TIME_NS = 2**63 - 1
_EVERYTHING = 2**31
_NO_LOOK = Look(stations=(), changed={}, turn=0)


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What has been sent to everybody so far."""

    place: Place
    event_no: int = 0
    cards: Cards
    serial: int = 0
    has_unshown: bool = False
    cards_s: float = float("-inf")
    health_s: float = float("-inf")


class Feed:
    """Turns changes of the journal and the alerts into chunks. Used by one thread at a time.

    `monotonic_s` gives the machine's own time; how often things are sent is never sped up. All reading comes before
    any remembering, so a look that fails half-way is simply taken again.
    """

    def __init__(self, sources: Sources, monotonic_s: Callable[[], float]) -> None:
        self._sources = sources
        self._monotonic_s = monotonic_s
        self._seen: _Seen | None = None

    def poll(self) -> Chunk | None:
        """Return what is new since the last call, None when nothing is and no health message is due."""
        seen = self._begun()
        now_s = self._monotonic_s()
        place = self._sources.place()
        has_news = place != seen.place
        is_look_due = now_s - seen.cards_s >= (CARDS_AFTER_NEWS_S if has_news or seen.has_unshown else CARDS_EVERY_S)
        if not has_news and not is_look_due:
            return None
        parts: list[Part] = []
        events: list[EventRow] = []
        if has_news:
            before = _not_ahead(seen.place, of=place)
            found = self._events_after(seen.event_no if before.commit_no else 0)
            events = [row for row in found if row.commit_no > before.commit_no]
            alerts = self._sources.notices.changed_after(before.change_no)
            seen.cards.hear_of(alerts)
            parts = self._parts(self._take_latest(seen, after_commit_no=before.commit_no), events, alerts)
        look = seen.cards.look() if is_look_due else _NO_LOOK
        if look.changed or now_s - seen.health_s >= HEALTH_EVERY_S:
            parts.append(self._health(seen, look.changed.values()))
            seen.health_s = now_s
        if is_look_due:
            seen.cards.remember(look)
        seen.cards_s = now_s if is_look_due else seen.cards_s
        seen.has_unshown = not is_look_due
        seen.event_no = events[-1].event_no if events else seen.event_no
        seen.place = place
        return self._chunk(seen, parts)

    def catch_up(self, place: Place | None) -> Chunk:
        """Return all cards, and for a client that was here before what it missed.

        A place ahead of ours belongs to another journal (restored, replaced): then everything is sent.
        """
        seen = self._begun()
        parts: list[Part] = []
        if place is not None and place != seen.place:
            after = _not_ahead(place, of=seen.place)
            rows = [row for row in seen.cards.newest() if row.commit_no > after.commit_no]
            recent = self._events_after(max(0, seen.event_no - MOST_EVENTS))
            events = [row for row in recent if row.commit_no > after.commit_no and row.event_no <= seen.event_no]
            parts = self._parts(rows, events, self._sources.notices.changed_after(after.change_no))
        parts.append(self._health(seen, seen.cards.all()))
        return Chunk(serial=seen.serial, body=messages(parts, place=seen.place.as_text()))

    def _chunk(self, seen: _Seen, parts: Sequence[Part]) -> Chunk | None:
        if not parts:
            return None
        seen.serial += 1
        return Chunk(serial=seen.serial, body=messages(parts, place=seen.place.as_text()))

    def _begun(self) -> _Seen:
        """Return what has been seen; at first the present, which a new client reads from the API."""
        if self._seen is None:
            seen = _Seen(place=self._sources.place(), cards=Cards(self._sources))
            self._take_latest(seen, after_commit_no=0)
            newest = self._sources.journal.events(since_ns=0, until_ns=END_OF_TIME_NS, limit=MOST_EVENTS)
            seen.event_no = max((row.event_no for row in newest), default=0)
            seen.cards.remember(seen.cards.look(most_devices=_EVERYTHING))
            self._seen = seen
        return self._seen

    def _take_latest(self, seen: _Seen, *, after_commit_no: int) -> list[LatestRow]:
        rows = self._sources.journal.latest(after_commit_no=after_commit_no)
        if after_commit_no == 0:
            seen.cards.forget_values()
        seen.cards.hear(rows)
        return rows

    def _events_after(self, event_no: int) -> list[EventRow]:
        found: list[EventRow] = []
        while rows := self._sources.journal.events_after(found[-1].event_no if found else event_no, limit=MOST_EVENTS):
            found += rows
        return found

    def _parts(self, rows: Iterable[LatestRow], events: Iterable[EventRow], alerts: Iterable[AlertOut]) -> list[Part]:
        town = self._sources.town
        parts: list[Part] = [("reading", latest_out(row).model_dump_json()) for row in rows]
        parts += [("event", event_out(row, town).model_dump_json()) for row in events]
        parts += [("alert", alert.model_dump_json()) for alert in alerts]
        return parts

    def _health(self, seen: _Seen, cards: Iterable[str]) -> Part:
        """Return `/health` with one more field, the cards; they are JSON already."""
        rows = seen.cards.newest_of(self._sources.town.gateways)
        health = self._sources.health(rows).model_dump_json()
        return "health", f'{health.removesuffix("}")},"stations":[{",".join(cards)}]}}'


def _not_ahead(place: Place, *, of: Place) -> Place:
    """Return `place` with 0 for what is ahead of `of`: it counts in a file that is no longer there."""
    return Place(
        place.commit_no if place.commit_no <= of.commit_no else 0,
        place.change_no if place.change_no <= of.change_no else 0,
    )
