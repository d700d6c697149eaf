"""The parts of a pipeline, built for one site and set to what a snapshot remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from devices.model import SECOND_NS
from devices.site import Site
from ingest import keeping
from ingest.agenda import Agenda
from ingest.batch import Batch, Int64s
from ingest.chain import Chain, RulesOnly
from ingest.dedup import Dedup, Identified
from ingest.derive import SnowDepth
from ingest.facts import IN_CONTACT, IN_OBSERVED, IN_RECEIVED, IN_RECORD, Facts, arrived, no_facts
from ingest.intake import Intake
from ingest.keeping import Memory
from ingest.layout import Layout
from ingest.plugins import RuleRunner, load_rules
from ingest.recent import Bounds, RecentRows, RecentShelves
from ingest.setup import ChosenChecks, WorkingRule, build_rules
from ingest.timeline import NEVER_NS, News, Order, Timeline

_HOUR_NS = 3_600 * SECOND_NS
_DAY_NS = 24 * _HOUR_NS
CONTACT_LATENESS_NS = 8 * _DAY_NS
"""A contact that was on its way for a week (a gateway without a line) is still told."""

_FRESH_INTERVALS = 3
_FRESH_LEAST_NS, _FRESH_MOST_NS = 60 * SECOND_NS, 12 * _HOUR_NS
_TRANSIT_NS = 600 * SECOND_NS
_NO_FACTS = no_facts()
_MOST_ROWS, _MOST_CONTACT_ROWS = 2_000_000, 500_000


class Machine:
    """Layout, memory, plugins and timelines of one site. The first timeline is the one of observations.

    `clock` is how far the snapshot's clock was and when the hub was away.
    """

    def __init__(self, site: Site, snapshot: Mapping[str, bytes]) -> None:
        """Build all parts; a rule or check with wrong parameters must have been refused before."""
        self.layout = Layout(site, contacts=_contacts(site))
        image = keeping.read_snapshot(snapshot)
        self.series = keeping.series_of(image)
        self.intake = Intake(self.layout, series=self.series)
        self.recent = _shelves(site, self.layout)
        self.derive = SnowDepth(self.layout, series=self.series)
        self.checks = ChosenChecks(site, self.layout)
        orders = _orders(self.layout)
        units = {order.name: order.unit_of_device for order in orders}
        self.rules = build_rules(site, self.layout, units=units)
        self.chain = Chain(self.derive, checks=self.checks, rules=_runners(self.rules, "observed"))
        others = (RulesOnly(_runners(self.rules, order.name)) for order in orders[1:])
        self._judges: tuple[Chain | RulesOnly, ...] = (self.chain, *others)
        self.timelines = tuple(
            Timeline(order, judge=judge, layout=self.layout, recent=self.recent)
            for order, judge in zip(orders, self._judges, strict=True)
        )
        self.agendas = tuple(Agenda(_runners(self.rules, order.name), units=len(order.lateness_ns)) for order in orders)
        self._known_series = 0
        self.learn_series()
        self.memory = Memory(self.timelines, layout=self.layout, series=self.series, shelves=self.recent.shelves)
        self.memory.recall(image)
        self.clock = keeping.clock_of(image)
        self.dedup = Dedup(self.layout, recent=self.recent, series=self.series)

    def learn_series(self) -> None:
        """Tell all parts of series that are new; some of them make further ones."""
        owners: tuple[Layout | Chain | RulesOnly, ...] = (self.layout, *self._judges)
        while self._known_series < len(self.series):
            device_id, quantity = self.series.key(self._known_series)
            for owner in owners:
                owner.add_series(self._known_series, device_id=device_id, quantity=quantity)
            self._known_series += 1

    def take_in(self, rows: Batch, *, clock_ns: int) -> Facts:
        """Return rows (N,), given in order of arrival, sorted, with the timelines in which they take part."""
        if not len(rows):
            return _NO_FACTS
        came = arrived(rows, device_of=self.layout.device_of)
        observed, received, contact = self.timelines
        member = observed.admit(came, clock_ns=clock_ns)
        takes_part = (~came.rows.resent, self.layout.is_contact[came.rows.series])
        for timeline, is_part in zip((received, contact), takes_part, strict=True):
            if is_part.all():
                member |= timeline.admit(came, clock_ns=clock_ns)
            elif is_part.any():
                member[is_part] |= timeline.admit(came.take(is_part), clock_ns=clock_ns)
        return Facts(rows=came.rows, member=member, device=came.device)

    def news(self, found: Identified) -> dict[int, News]:
        """Return by bit what `found` changes in each timeline and in the record."""
        bits = (*(timeline.order.bit for timeline in self.timelines), IN_RECORD)
        if found.is_all_new:
            return dict.fromkeys(bits, News(added=found.facts, lost=_NO_FACTS, gained=_NO_FACTS))
        moved = self.recent.facts(found.moved)
        return {
            bit: News(
                added=found.facts.where((found.standing & bit) != 0),
                lost=moved.where((found.was & ~found.now & bit) != 0),
                gained=moved.where((found.now & ~found.was & bit) != 0),
            )
            for bit in bits
        }

    def note(self, found: Identified, *, now_ns: int) -> None:
        """Put what was found on the shelves."""
        if len(found.moved):
            self.recent.set_standing(found.moved, found.now)
        self.recent.add(found.facts, standing=found.standing, arrived_ns=now_ns)

    def drop_outdated(self, *, now_ns: int) -> list[Int64s]:
        """Forget rows beyond the bounds of the shelves; return the units (U,) of each timeline that became final."""
        dropped = self.recent.drop_outdated(now_ns)
        return [timeline.forget(dropped) for timeline in self.timelines]

    def record(self, rows: Batch) -> Batch:
        """Return `rows` (N,) that are too old to be judged and what follows from them, flagged."""
        is_wanted = self.derive.thermometers_of(rows.series)
        places = self.recent.find(is_wanted, arrived_since_ns=NEVER_NS)
        places = places[(self.recent.standing(places) & IN_RECORD) != 0]
        return self.chain.record(rows, context=self.recent.take(places))


def _contacts(site: Site) -> frozenset[str]:
    """Return the quantities that are told however late: those of rules in the timeline of contacts."""
    specs = load_rules()
    rules = [rule for rule in site.rule if specs[rule.kind].timeline == "contact"]
    return frozenset(
        {
            "contact_open",
            "trap_state",
            "restarted",
            *(rule.quantity or rule.params.get("quantity", "contact_open") for rule in rules),
        }
    )


def _shelves(site: Site, layout: Layout) -> RecentShelves:
    lateness_ns = site.ingest.lateness_s * SECOND_NS
    return RecentShelves(
        layout,
        most=RecentRows("most", Bounds(age_ns=max(_DAY_NS, 5 * lateness_ns), rows=_MOST_ROWS)),
        contacts=RecentRows("contacts", Bounds(age_ns=2 * CONTACT_LATENESS_NS + 2 * _DAY_NS, rows=_MOST_CONTACT_ROWS)),
    )


def _orders(layout: Layout) -> tuple[Order, ...]:
    lateness_ns = layout.site.ingest.lateness_s * SECOND_NS
    groups, devices = int(layout.group.max()) + 1, len(layout.ids)
    each = np.arange(devices, dtype=np.int32)
    # a reading that proves life by the rule's own measure is fresh, even if it comes later than others may
    fresh_ns = np.clip(_FRESH_INTERVALS * layout.interval_ns, _FRESH_LEAST_NS, _FRESH_MOST_NS)
    return (
        Order(
            name="observed", bit=IN_OBSERVED, by="observed_ns", unit_of_device=layout.group,
            lateness_ns=np.full(groups, lateness_ns), slack_ns=lateness_ns,
        ),
        Order(
            name="received", bit=IN_RECEIVED, by="received_ns", unit_of_device=each,
            lateness_ns=np.maximum(fresh_ns, lateness_ns), slack_ns=lateness_ns + _TRANSIT_NS,
        ),
        Order(
            name="contact", bit=IN_CONTACT, by="observed_ns", unit_of_device=each,
            lateness_ns=np.full(devices, CONTACT_LATENESS_NS), slack_ns=_DAY_NS,
        ),
    )  # fmt: skip


def _runners(rules: Sequence[WorkingRule], timeline: str) -> list[RuleRunner]:
    return [working.runner for working in rules if working.spec.timeline == timeline]
