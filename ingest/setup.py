"""From a Site to checks and rules at work, and every problem that the Site has in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from devices.model import PermanentError, Severity
from devices.site import Check, Domain, Problem, Rule, Site
from ingest.batch import Int32s
from ingest.layout import Layout
from ingest.plugins import CheckRunner, CheckSpec, Params, RuleRunner, RuleSpec, Scope, Watched, load_checks, load_rules

ALWAYS = (
    Rule(id="device-silent", kind="silent", severity="warning"),
    Rule(id="device-fault", kind="device_fault", severity="warning"),
    Rule(id="battery-outlook", kind="battery_outlook", severity="info", params={"warn_days": 60.0}),
    Rule(id="battery-soon", kind="battery_outlook", severity="warning", params={"warn_days": 14.0}),
    Rule(id="trap-check", kind="trap_check", severity="warning", domain="wildlife"),
)
"""Rules that a site has without naming them: nobody may forget silence, nor a device that says it is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingRule:
    """A rule of the site and its runner."""

    spec: RuleSpec
    rule: Rule
    runner: RuleRunner


def effective_rules(site: Site) -> tuple[Rule, ...]:
    """Return the rules of `site`, and of `ALWAYS` those of whose kind it has none: they are for every device."""
    kinds = {rule.kind for rule in site.rule}
    return (*site.rule, *(rule for rule in ALWAYS if rule.kind not in kinds))


def severities(site: Site) -> dict[str, Severity]:
    """Return how urgent the events of each rule are, by rule id."""
    return {rule.id: Severity.from_key(rule.severity) for rule in effective_rules(site)}


def check_rules(site: Site) -> tuple[Problem, ...]:
    """Return every problem in kinds and parameters of the rules and checks of `site`."""
    return (*_rule_problems(site), *_check_problems(site))


def require_valid(site: Site) -> None:
    """Raise PermanentError that lists all problems `check_rules` finds."""
    problems = check_rules(site)
    if problems:
        raise PermanentError("\n".join(f"{problem.key}: {problem.message}" for problem in problems))


def _rule_problems(site: Site) -> Iterator[Problem]:
    specs = load_rules()
    for index, rule in enumerate(site.rule):
        at = f"rule[{index}]"
        spec = specs.get(rule.kind)
        if spec is None:
            yield _unknown_kind(f"{at}.kind", rule.kind, specs, what="rule")
            continue
        if spec.name == "threshold" and not rule.quantity:
            yield Problem(key=f"{at}.quantity", message="a threshold needs the quantity it looks at")
        yield from _params_problems(spec.params, rule.params, at=at)


def _check_problems(site: Site) -> Iterator[Problem]:
    specs = load_checks()
    for index, check in enumerate(site.check):
        at = f"check[{index}]"
        spec = specs.get(check.kind)
        if spec is None:
            yield _unknown_kind(f"{at}.kind", check.kind, specs, what="check")
        else:
            yield from _params_problems(spec.params, check.params, at=at)


def _unknown_kind(key: str, kind: str, specs: Mapping[str, Any], *, what: str) -> Problem:
    return Problem(key=key, message=f"{what} kind {kind!r} is unknown; there are {', '.join(sorted(specs))}")


def _params_problems(params: type[Params], given: Mapping[str, Any], *, at: str) -> Iterator[Problem]:
    try:
        params.model_validate(given)
    except ValidationError as error:
        for part in error.errors(include_url=False):
            path = ".".join([f"{at}.params", *(str(piece) for piece in part["loc"])])
            yield Problem(key=path, message=part["msg"].removeprefix("Value error, "))


def build_rules(site: Site, layout: Layout, *, units: Mapping[str, Int32s]) -> tuple[WorkingRule, ...]:
    """Return all rules of `site` at work. `units` are the unit of each device by timeline."""
    specs, subjects = load_rules(), _subjects(site, layout)
    places = _Places(layout=layout, units=units, subjects=subjects)
    return tuple(_working(rule, specs[rule.kind], places) for rule in effective_rules(site))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A device or gateway, what rules ask of its place, and what it may say. `station_id` and `home` may be empty."""

    id: str
    is_device: bool
    station_id: str
    domain: Domain
    home: str
    quantities: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """All subjects, and where their states stand."""

    layout: Layout
    units: Mapping[str, Int32s]
    subjects: Sequence[_Subject]


def _subjects(site: Site, layout: Layout) -> tuple[_Subject, ...]:
    stations = site.stations_by_id()
    shared: dict[frozenset[str], frozenset[str]] = {}  # a set for each of 10,000 devices alike would take 80 MB
    at = {gateway.id: gateway.station for gateway in site.gateway} | {
        device.id: device.station for device in site.device
    }
    return tuple(
        _Subject(
            id=subject_id,
            is_device=subject_id in layout.devices,
            station_id=at[subject_id],
            domain=stations[at[subject_id]].domain if at[subject_id] in stations else "system",
            home=layout.home_of.get(subject_id, ""),
            quantities=shared.setdefault(said := _quantities(layout, subject_id), said),
        )
        for subject_id in layout.numbers
    )


def _working(rule: Rule, spec: RuleSpec, places: _Places) -> WorkingRule:
    layout, unit = places.layout, places.units[spec.timeline]
    watched = {
        subject.id: _watched(layout, subject, unit=int(unit[layout.numbers[subject.id]]))
        for subject in places.subjects
        if _applies(rule, spec, subject)
    }
    scope = Scope(
        name=rule.id,
        params=spec.params.model_validate(rule.params),
        watched=watched,
        quantities=frozenset({rule.quantity} if rule.quantity else ()),
        timezone=layout.site.town.timezone,
    )
    return WorkingRule(spec=spec, rule=rule, runner=spec.build(scope))


def _applies(rule: Rule, spec: RuleSpec, subject: _Subject) -> bool:
    if not subject.is_device and spec.subjects != "devices":
        return False
    if spec.subjects == "homes" and not subject.home:
        return False
    wanted = ((rule.station, subject.station_id), (rule.device, subject.id), (rule.home, subject.home))
    return rule.domain in (None, subject.domain) and all(not given or mine in given for given, mine in wanted)


def _quantities(layout: Layout, device_id: str) -> frozenset[str]:
    device, spec = layout.devices.get(device_id), layout.specs.get(device_id)
    if device is None:
        return frozenset()
    return frozenset(spec.quantities if spec else device.quantities)


def _watched(layout: Layout, subject: _Subject, *, unit: int) -> Watched:
    device_id, number = subject.id, layout.numbers[subject.id]
    interval_ns = int(layout.interval_ns[number])
    device = layout.devices.get(device_id)
    if device is None:
        return Watched(device_id=device_id, unit=unit, interval_ns=interval_ns, quantities=frozenset())
    return Watched(
        device_id=device_id,
        unit=unit,
        interval_ns=interval_ns,
        quantities=subject.quantities,
        listed=device.quantities,
        home=layout.home_of.get(device_id, ""),
        sprung_when_open=device.sprung_when == "open",
        mount_height_m=device.mount_height_m,
        derives_depth=device.mount_height_m is not None,
        model=device.model,
    )


class ChosenChecks:
    """All checks. A series goes by the first matching `[[check]]` of each kind, or by its default parameters."""

    def __init__(self, site: Site, layout: Layout) -> None:
        """Build a runner for each kind."""
        self._kinds = [_ChosenCheck(spec, site, layout) for spec in load_checks().values()]

    @property
    def runners(self) -> Sequence[CheckRunner]:
        """All runners."""
        return [kind.runner for kind in self._kinds]

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Tell each check by which parameters a new series is to be judged."""
        for kind in self._kinds:
            params = kind.params_of(device_id, quantity=quantity)
            kind.runner.add_series(series, device_id=device_id, quantity=quantity, params=params)


class _ChosenCheck:
    """One kind of check and what the site says about it."""

    def __init__(self, spec: CheckSpec, site: Site, layout: Layout) -> None:
        checks = (*(check for check in site.check if check.kind == spec.name), Check(kind=spec.name))
        self._given = [(check, spec.params.model_validate(check.params)) for check in checks]
        watched = {
            device.id: Watched(
                device_id=device.id, unit=0, interval_ns=0, quantities=frozenset(), mount_height_m=device.mount_height_m
            )
            for device in layout.devices.values()
        }
        self.runner = spec.build(Scope(name=spec.name, params=self._given[-1][1], watched=watched))

    def params_of(self, device_id: str, *, quantity: str) -> Params:
        return next(params for check, params in self._given if _looks_at(check, device_id, quantity=quantity))


def _looks_at(check: Check, device_id: str, *, quantity: str) -> bool:
    return (not check.device or device_id in check.device) and (not check.quantity or quantity in check.quantity)
