"""A service in its own process: the product's `run_*` as `python -m gateway` and the others call it.

Two things are other than in a town: a link that lost its broker tries again after half a second at most (in a town the
pauses grow to 30 s, and brokers do not die every few seconds), and the forwarder takes the store at its word (no second
copy of the last minute, which would hide a place that was noted too early: the store itself is not killed here).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import MappingProxyType

import devices.link
from devices.site import Site
from devices.site_file import load_site
from gateway.run import GatewayOptions, run_gateway
from ingest.forward import ForwardOptions, run_forward
from ingest.forwarder import Pace
from ingest.run import IngestOptions, run_ingest
from ingest.store_check import check_stores
from tests.crash.real.faults import plant, replace
from tests.crash.real.script import GATEWAY_ID

GATEWAY, INGEST, FORWARD, BROKER, FIELD = "gateway", "ingest", "forward", "broker", "field"
_RETRY_MOST_S = 0.5
_PACE = Pace(backoff_first_s=0.1, backoff_most_s=0.5, settle_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One service of one town; `argv` is given for what is not ours (the brokers). `name` is `<town>/<role>`."""

    name: str
    log: str
    argv: tuple[str, ...] = ()
    site: str = ""
    data: str = ""
    fault: str = ""

    @property
    def role(self) -> str:
        """Which service it is."""
        return self.name.rpartition("/")[2]


def serve(job: Job) -> None:
    """Be the service until killed."""
    replace(devices.link, "_RETRY_MOST_S", _RETRY_MOST_S)
    plant(job.fault)
    site = load_site(Path(job.site), checks=(check_stores,))
    _RUN[job.role](site, Path(job.data), Event())


def _gateway(site: Site, data: Path, stop: Event) -> None:
    run_gateway(GatewayOptions(site=site, gateway_id=GATEWAY_ID, data_dir=data), stop)


def _ingest(site: Site, data: Path, stop: Event) -> None:
    run_ingest(IngestOptions(site=site, data_dir=data), stop)


def _forward(site: Site, data: Path, stop: Event) -> None:
    run_forward(ForwardOptions(site=site, data_dir=data, pace=_PACE), stop)


_RUN: Mapping[str, Callable[[Site, Path, Event], None]] = MappingProxyType(
    {GATEWAY: _gateway, INGEST: _ingest, FORWARD: _forward}
)
