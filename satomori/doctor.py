"""`satomori doctor`: what is wrong with this installation, in plain words, with what to do next."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devices.clock import Clock
from devices.model import SatomoriError, Severity
from devices.site import Route, Rule, Site
from ingest.setup import effective_rules
from satomori.broker import find_mosquitto

_MIN_FREE_BYTES = 512 * 1024 * 1024
_BUILD_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00Z: a clock before this release is not set


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `is_wrong` findings make the exit code 1; `advice` says what to do next."""

    is_wrong: bool
    text: str
    advice: str = ""

    def as_text(self) -> str:
        """Return `ok: …` or `wrong: … -> advice`."""
        if not self.is_wrong:
            return f"ok: {self.text}" + (f" ({self.advice})" if self.advice else "")
        return f"wrong: {self.text} -> {self.advice}"


def examine(*, site_path: Path | None, data_dir: Path) -> list[Finding]:
    """Return all findings for this machine, the data folder and, when given, the site file. Changes nothing."""
    return [
        *_machine(),
        *_data_folder(data_dir),
        *(_site(site_path, data_dir=data_dir) if site_path is not None else ()),
    ]


def _machine() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    is_old = sys.version_info < (3, 11)
    yield Finding(is_wrong=is_old, text=f"Python {version}", advice="install Python 3.11 or newer" if is_old else "")
    if find_mosquitto() is not None:
        yield Finding(is_wrong=False, text="MQTT broker mosquitto is installed")
    elif importlib.util.find_spec("amqtt") is not None:
        yield Finding(
            is_wrong=False, text="MQTT broker: amqtt", advice="for demo and tests only; install mosquitto for a town"
        )
    else:
        yield Finding(is_wrong=True, text="no MQTT broker is installed", advice="apt install mosquitto")
    is_unset = Clock().now_ns() < _BUILD_NS
    yield Finding(
        is_wrong=is_unset, text="the clock is before 2026" if is_unset else "the clock is plausible",
        advice="set the clock or wait for NTP before starting" if is_unset else "",
    )  # fmt: skip


def _data_folder(data_dir: Path) -> Iterator[Finding]:
    if not data_dir.exists():
        yield Finding(is_wrong=False, text=f"data folder {data_dir} is not there yet", advice="made at the first start")
        return
    if not os.access(data_dir, os.W_OK):
        yield Finding(is_wrong=True, text=f"data folder {data_dir} cannot be written", advice="give it to this user")
    free = shutil.disk_usage(data_dir).free
    yield Finding(
        is_wrong=free < _MIN_FREE_BYTES, text=f"disk: {free // 2**20} MiB free",
        advice="free at least 512 MiB" if free < _MIN_FREE_BYTES else "",
    )  # fmt: skip
    for path in sorted(data_dir.glob("*.db")):
        yield _database(path)
    for path in sorted(data_dir.glob("*.damaged-*")):
        yield Finding(
            is_wrong=True, text=f"{path.name} was set aside as damaged", advice="keep it; move it away once looked at"
        )


def _database(path: Path) -> Finding:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)
        try:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        answer = str(error)
    if answer == "ok":
        return Finding(is_wrong=False, text=f"{path.name} is sound")
    return Finding(is_wrong=True, text=f"{path.name}: {answer}", advice="restart the service; it sets the file aside")


def _site(path: Path, *, data_dir: Path) -> Iterator[Finding]:
    from satomori.cli import read_site  # the rooms are only needed here

    try:
        site = read_site(path)
    except SatomoriError as error:
        for line in str(error).splitlines():
            yield Finding(is_wrong=True, text=line, advice="correct it in the site file")
        return
    yield Finding(is_wrong=False, text=f"site {site.town.id}: {len(site.device)} devices, {len(site.rule)} rules")
    yield from _tellable(site)
    is_running = (data_dir / "journal.db").exists()
    with socket.socket() as probe:
        probe.settimeout(1.0)
        answers = probe.connect_ex((site.broker.host, site.broker.port)) == 0
    where = f"{site.broker.host}:{site.broker.port}"
    if answers:
        yield Finding(is_wrong=False, text=f"broker answers on {where}")
    elif is_running:
        yield Finding(
            is_wrong=True, text=f"no broker answers on {where}", advice="start `satomori up`, or the broker itself"
        )
    else:
        yield Finding(is_wrong=False, text=f"no broker on {where} yet", advice="`satomori up` starts one")


_OF_GATEWAYS = ("silent", "device_fault")


def _tellable(site: Site) -> Iterator[Finding]:
    """An alert that reaches nobody is the worst silent fault of a site file."""
    stations = site.stations_by_id()
    for rule in effective_rules(site):
        # a subject at no station (a gateway) belongs to the system
        places = {(station_id, stations[station_id].domain) for station_id in _stations_of(rule, site)}
        if rule.kind in _OF_GATEWAYS and not (rule.domain or rule.station or rule.device):
            places |= {(gateway.station, "system") for gateway in site.gateway}
        untold = sorted(p for p in places if not any(_tells(r, rule, place=p) for r in site.route))
        if untold:
            where = ", ".join(sorted({station_id or domain for station_id, domain in untold}))
            yield Finding(
                is_wrong=rule.severity != "info", text=f"no route tells anybody of rule {rule.id} at {where}",
                advice=f"add a [[route]] that matches domain {untold[0][1]!r}",
            )  # fmt: skip


def _stations_of(rule: Rule, site: Site) -> set[str]:
    if rule.kind == "no_motion":
        found = {home.station for home in site.home if not rule.home or home.id in rule.home}
    else:
        found = {device.station for device in site.device if not rule.device or device.id in rule.device}
    return {
        station.id
        for station in site.station
        if station.id in found
        and (rule.domain is None or station.domain == rule.domain)
        and (not rule.station or station.id in rule.station)
    }


def _tells(route: Route, rule: Rule, *, place: tuple[str, str]) -> bool:
    station_id, domain = place
    return (
        (not route.domain or domain in route.domain)
        and (not route.station or station_id in route.station)
        and (not route.rule or rule.id in route.rule)
        and Severity.from_key(rule.severity) >= Severity.from_key(route.severity_min)
    )
