"""A small town for tests of the core, its readings, and what a pipeline made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from devices.model import Event, QuarantineRow, Reading
from devices.site import Site
from devices.site_file import parse_site
from ingest.events import effective_events
from ingest.pipeline import Outcome, Pipeline
from ingest.setup import check_rules

SECOND_NS = 1_000_000_000
T0_NS = 1_768_867_200 * SECOND_NS  # 2026-01-20T00:00Z

TOWN = """
version = 1
[town]
id = "yukimori"
name = "Yukimori"
[[station]]
id = "road"
name = "Road"
domain = "snow"
[[station]]
id = "woods"
name = "Woods"
domain = "wildlife"
[[station]]
id = "home-1"
name = "Home"
domain = "watch"
"""

Row = tuple[str, str, int, int]
Contents = tuple[int, str, int, bool]


def town(*parts: str, lateness_s: int = 900) -> Site:
    """Return the site of TOWN and further TOML `parts`."""
    return parse_site("\n".join((TOWN, f"[ingest]\nlateness_s = {lateness_s}", *parts)), checks=(check_rules,))


def device(device_id: str, *, model: str = "senml", station: str = "road", more: str = "") -> str:
    address = hashlib.sha256(device_id.encode()).hexdigest()[:16]
    return (
        f'[[device]]\nid = "{device_id}"\nname = "{device_id}"\nmodel = "{model}"\nstation = "{station}"\n'
        f'address = "{address}"\n{more}'
    )


def rule(rule_id: str, kind: str, *, params: str = "", more: str = "") -> str:
    return f'[[rule]]\nid = "{rule_id}"\nkind = "{kind}"\nparams = {{ {params} }}\n{more}'


QUIET = rule("quiet", "silent", params="intervals = 1000.0, grace_s = 31536000")
"""A silence rule that says nothing within a test, in the place of the default one."""


def reading(
    device_id: str, quantity: str, value: float, *, at_s: float, received_s: float | None = None,
    seq: int | None = None, resent: bool = False,
) -> Reading:  # fmt: skip
    received_s = at_s if received_s is None else received_s
    return Reading(
        device_id=device_id, quantity=quantity, value=value, observed_ns=T0_NS + round(at_s * SECOND_NS),
        received_ns=T0_NS + round(received_s * SECOND_NS), seq=seq, resent=resent,
    )  # fmt: skip


@dataclass
class Record:
    """What a journal would hold after the outcomes of a pipeline."""

    rows: dict[Row, Contents] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)
    quarantine: list[QuarantineRow] = field(default_factory=list)
    state: dict[str, bytes] = field(default_factory=dict)
    duplicates: int = 0

    def add(self, outcome: Outcome) -> None:
        for row in _rows(outcome, outcome.removed):
            self.rows.pop(row[0], None)
        self.rows.update(_rows(outcome, outcome.observations))
        self.told += outcome.events
        self.quarantine += [*outcome.conflicts, *outcome.quarantine]
        self.duplicates += outcome.duplicates
        for key, value in outcome.changed_state.items():
            if value:
                self.state[key] = value
            else:
                self.state.pop(key, None)

    def events(self) -> list[tuple[str, str, str, float]]:
        """The events that hold: rule, subject, state, seconds since T0."""
        return [
            (e.rule_id, e.subject, e.state.value, (e.observed_ns - T0_NS) / SECOND_NS)
            for e in effective_events(self.told)
        ]

    def identities(self) -> list[tuple[str, str, int, str, str]]:
        """The events that hold, with all that makes them equal."""
        return [
            (e.event_id, e.state.value, e.observed_ns, str(e.value), str(e.limit)) for e in effective_events(self.told)
        ]

    def values(self, device_id: str, quantity: str) -> list[tuple[float, float, int]]:
        """Seconds since T0, value and flag of one series, by time."""
        found = [
            ((at_ns - T0_NS) / SECOND_NS, float(contents[1]), contents[2])
            for (device, name, at_ns, _), contents in self.rows.items()
            if (device, name) == (device_id, quantity)
        ]
        return sorted(found)


def _rows(outcome: Outcome, batch: object) -> Iterable[tuple[Row, Contents]]:
    from ingest.batch import Batch

    assert isinstance(batch, Batch)
    columns = (batch.series, batch.observed_ns, batch.seq, batch.received_ns, batch.value, batch.flag, batch.resent)
    for series, at_ns, seq, received_ns, value, flag, resent in zip(*(c.tolist() for c in columns), strict=True):
        yield (*outcome.series.key(series), at_ns, seq), (received_ns, repr(value), flag, resent)


class Town:
    """A pipeline that can be restarted, and the record of what it said."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.record = Record()
        self.pipeline = Pipeline(site)
        self.tick(0)

    def take(self, *readings: Reading, now_s: float | None = None) -> Outcome:
        """Take readings in, by default as soon as the last one was received."""
        if now_s is None:
            now_s = (max(r.received_ns for r in readings) - T0_NS) / SECOND_NS
        return self._process(readings, now_s)

    def tick(self, now_s: float) -> Outcome:
        return self._process((), now_s)

    def _process(self, readings: Sequence[Reading], now_s: float) -> Outcome:
        outcome = self.pipeline.process(readings, now_ns=T0_NS + round(now_s * SECOND_NS))
        self.record.add(outcome)
        return outcome

    def restart(self) -> None:
        """Go on with a new pipeline that knows only what was saved."""
        self.pipeline = Pipeline(self.site, snapshot=self.record.state)

    @property
    def events(self) -> list[tuple[str, str, str, float]]:
        return self.record.events()
