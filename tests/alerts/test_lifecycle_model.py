"""Any order of events, orders, crashes and restarts ends where a plain model in memory ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.consume import Consumer
from alerts.model import AlertState
from alerts.orders import OrderBook, OrderReader
from alerts.planner import Planner
from alerts.store import AlertStore, open_store
from alerts.store_read import AlertsReader
from devices.model import Event, EventState, TransientError
from tests.alerts.town import FAST_FOLDER, T0_NS, MemoryJournal, event, planner

SUBJECTS = ("snow-01", "trap-01")
PLANNER = planner()


@dataclass
class PlainAlert:
    alert_id: int
    episodes: dict[str, int] = field(default_factory=dict)
    newest: str = ""
    newest_ns: int = 0
    state: str = "firing"
    acknowledged_by: str = ""
    is_held_back: bool = False


@dataclass
class PlainModel:
    """The rules of the lifecycle in their simplest form; told counts what people were told."""

    alerts: dict[str, list[PlainAlert]] = field(default_factory=lambda: defaultdict(list))
    active: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    belongs: dict[str, PlainAlert] = field(default_factory=dict)

    def tell_end(self, alert: PlainAlert, telling: str) -> None:
        alert.state = "resolved"
        self.told += [] if alert.is_held_back else [telling]
        alert.is_held_back = False

    def open_alert(self, subject: str) -> PlainAlert | None:
        return next((a for a in self.alerts[subject] if a.state != "resolved"), None)

    def commit(self, events: Sequence[Event]) -> None:
        last = {e.event_id: i for i, e in enumerate(events)}
        late: list[Event] = []
        known = set(self.seen)
        for i, e in enumerate(events):
            is_last = last[e.event_id] == i
            is_raise_of_new = e.state is EventState.RAISED and e.event_id not in known
            ends_cleared = events[last[e.event_id]].state is EventState.CLEARED
            more_raises = any(f.event_id == e.event_id and f.state is EventState.RAISED for f in events[i + 1 :])
            if e.state is EventState.WITHDRAWN:
                late += [e] if is_last and e.event_id in known else []
            elif is_last or (is_raise_of_new and ends_cleared and not more_raises):
                self.take(e)
        late.sort(key=lambda e: last[e.event_id])
        for e in late:
            self.take(e)

    def take(self, e: Event) -> None:
        alert = self.open_alert(e.subject)
        match e.state:
            case EventState.RAISED:
                self.raised(e, alert)
            case EventState.CLEARED:
                self.cleared(e, alert)
            case EventState.WITHDRAWN:
                self.withdrawn(e, alert)

    def raised(self, e: Event, alert: PlainAlert | None) -> None:
        if e.event_id in self.active:
            self.active[e.event_id] = e.observed_ns
            if alert is not None and e.event_id in alert.episodes:
                alert.episodes[e.event_id] = e.observed_ns
                alert.newest_ns = e.observed_ns if alert.newest == e.event_id else alert.newest_ns
            return
        self.active[e.event_id] = e.observed_ns
        # what has begun again is the alert it was and is told later, or when another episode is news
        former = self.belongs.get(e.event_id)
        if alert is None and former is not None:
            alert, former.is_held_back = former, True
            former.state = "acknowledged" if former.acknowledged_by else "firing"
            former.newest, former.newest_ns = e.event_id, e.observed_ns
        elif alert is not None and alert.is_held_back:
            alert.is_held_back = False
            self.told.append("raised")
        self.seen.add(e.event_id)
        if alert is None:
            alert = PlainAlert(alert_id=len(self.alerts[e.subject]), newest=e.event_id, newest_ns=e.observed_ns)
            self.alerts[e.subject].append(alert)
            self.told.append("raised")
        alert.episodes[e.event_id] = e.observed_ns
        self.belongs[e.event_id] = alert
        if e.observed_ns >= alert.newest_ns:
            alert.newest, alert.newest_ns = e.event_id, e.observed_ns

    def cleared(self, e: Event, alert: PlainAlert | None) -> None:
        if alert is not None and (e.event_id == alert.newest or e.observed_ns >= alert.newest_ns):
            self.tell_end(alert, "cleared")
            self.belongs.setdefault(e.event_id, alert)
            self.seen.add(e.event_id)
        self.active.pop(e.event_id, None)

    def withdrawn(self, e: Event, alert: PlainAlert | None) -> None:
        was_active = self.active.pop(e.event_id, None) is not None
        if alert is None or not was_active or e.event_id not in alert.episodes:
            return
        del alert.episodes[e.event_id]
        others = [(ns, other) for other, ns in alert.episodes.items() if other in self.active]
        if not others:
            self.tell_end(alert, "withdrawn")
        elif alert.newest == e.event_id:
            alert.newest_ns, alert.newest = max(others)

    def acknowledge(self, subject: str, by: str) -> None:
        alert = self.open_alert(subject)
        if alert is not None and alert.state == "firing":
            alert.state, alert.acknowledged_by = "acknowledged", by


class World:
    """The service's consumer over real files, which can be crashed and restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = MemoryJournal()
        self.book = OrderBook(folder / "orders.db")
        self.orders = OrderReader(folder / "orders.db")
        self.store = open_store(folder / "alerts.db", now_ns=T0_NS)

    def consumer(self, planner: Planner = PLANNER) -> Consumer:
        return Consumer(journal=self.journal, orders=self.orders, store=self.store, planner=planner)

    def take_all(self, *, most: int) -> None:
        while self.consumer().take_events(now_ns=T0_NS, most=most):
            pass

    def crash(self, *, at_statement: int) -> None:
        """Let the transaction break at its n-th statement, as a kill would, then start anew."""
        with breaking(self.store, at_statement=at_statement):
            self.consumer().take_events(now_ns=T0_NS)
        self.restart()

    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.folder / "alerts.db", now_ns=T0_NS)

    def acknowledge(self, subject: str, by: str) -> None:
        alert = self.store.open_alert("snow-depth", subject)
        if alert is not None:
            self.book.acknowledge(alert.alert_id, by=by, at_ns=T0_NS, via="page")
        self.consumer().take_orders()

    def close(self) -> None:
        self.store.close()
        self.book.close()
        self.orders.close()


@contextmanager
def breaking(store: AlertStore, *, at_statement: int) -> Iterator[None]:
    left = [at_statement]

    def count(_statement: str) -> None:
        left[0] -= 1

    def stop() -> int:
        return 1 if left[0] < 0 else 0

    store.connection.set_trace_callback(count)
    store.connection.set_progress_handler(stop, 1)
    try:
        yield
    except TransientError:
        return  # rolled back
    finally:
        store.connection.set_progress_handler(None, 0)
        store.connection.set_trace_callback(None)


events_drawn = st.builds(
    lambda number, state, at_s, subject: event(
        f"{subject}-{number}", state, at_s=at_s, detected_s=100, subject=subject, device_id=subject
    ),
    number=st.integers(0, 3),
    state=st.sampled_from(["raised", "raised", "cleared", "withdrawn"]),
    at_s=st.integers(0, 20),
    subject=st.sampled_from(SUBJECTS),
)
steps_drawn = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.lists(events_drawn, min_size=1, max_size=4)),
        st.tuples(st.just("acknowledge"), st.sampled_from(SUBJECTS), st.sampled_from(["road", "it"])),
        st.tuples(st.just("restart")),
        st.tuples(st.just("crash"), st.integers(1, 25)),
    ),
    max_size=14,
)


@settings(max_examples=120, deadline=None)
@given(steps=steps_drawn, most=st.integers(5, 50))
def test_any_order_ends_as_the_plain_model(steps: list[tuple[object, ...]], most: int) -> None:
    model = PlainModel()
    with TemporaryDirectory(dir=FAST_FOLDER) as folder:
        world = World(Path(folder))
        try:
            for step in steps:
                do(step, world, model, most=most)
            world.take_all(most=most)
            compare(world, model)
        finally:
            world.close()


def do(step: tuple[object, ...], world: World, model: PlainModel, *, most: int) -> None:
    match step:
        case ("commit", list(events)):
            world.journal.commit(*events)
            model.commit(events)
        case ("acknowledge", str(subject), str(by)):
            world.take_all(most=most)
            world.acknowledge(subject, by)
            model.acknowledge(subject, by)
        case ("restart",):
            world.restart()
        case ("crash", int(at_statement)):
            world.crash(at_statement=at_statement)


def compare(world: World, model: PlainModel) -> None:
    reader = AlertsReader(world.folder / "alerts.db")
    stored = sorted(reader.alerts(limit=1000), key=lambda alert: alert.case_no)
    for subject in SUBJECTS:
        found = [
            (alert.state.value, alert.acknowledged_by if alert.state is not AlertState.RESOLVED else "", alert.event_id)
            for alert in stored
            if alert.subject == subject
        ]
        plain = [
            (alert.state, alert.acknowledged_by if alert.state != "resolved" else "", alert.newest)
            for alert in model.alerts[subject]
        ]
        assert found == plain
    told = [row.telling for alert in stored for row in reader.deliveries(alert.alert_id)]
    reader.close()
    assert sorted(telling.value for telling in told) == sorted(model.told)
