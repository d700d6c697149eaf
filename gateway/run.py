"""The gateway's process: one thread for each source, one for pulse and housekeeping, one for the uplink.

Threads stand only here. A part that fails is logged with its traceback and started again with back-off; the others
go on, and what the failed one had accepted is in the spool.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread

from devices.clock import Clock
from devices.logs import setup_logging
from devices.model import PermanentError, TransientError
from devices.site import Gateway, Site
from devices.steady import steady, wait_for_clock
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Decoder, Plugins, plugins_of
from gateway.hub import HubPublisher, hub_link_options
from gateway.intake import CLOCK_NOTES, Intake, report_damaged
from gateway.pulse import Pulse, PulseOptions
from gateway.source_parts import SourceMaker
from gateway.spool import Spool
from gateway.spool_types import SpoolOptions
from gateway.uplink import UplinkLoop, UplinkOptions

log = logging.getLogger(__name__)

_BACKOFF_FIRST_S = 0.5
_BACKOFF_MOST_S = 30.0
_STEADY_S = 60.0
_STOP_PATIENCE_S = 1.5
_IDLE_WAIT_S = 0.2
_BUSY_WAIT_S = 0.05
_TEND_EVERY_S = 1.0
_MACHINE_DELAY_S = 30.0
_RESENT_AFTER_S = 60.0
_KEEP_DONE_S = 24 * 3_600.0
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """Which gateway of the site this process is; the spool is `<data_dir>/spool-<gateway_id>.db`."""

    site: Site
    gateway_id: str
    data_dir: Path
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that runs until it is told to stop."""

    name: str
    run: Callable[[Event], None]


def run_gateway(options: GatewayOptions, stop: Event) -> None:
    """Read devices, keep every reading on disk, forward until the hub says it has them; returns when `stop` is set.

    Raises PermanentError when the site has no such gateway. A disk that refuses is waited for.
    """
    setup_logging(service=f"gateway-{options.gateway_id}")
    gateway = find_gateway(options.site, options.gateway_id)
    if not wait_for_clock(options.clock, stop):
        return
    options = replace(options, clock=steady(options.clock))
    spool = open_spool(gateway, options, stop)
    if spool is None:
        return
    try:
        log.info("gateway_started", extra={"gateway_id": gateway.id, "epoch": spool.epoch, "newest": spool.newest()})
        bench = make_bench(gateway, options, spool)
        keep_running(bench.parts(), stop)
        bench.put_gathered(is_end=True)
    finally:
        spool.close()
        log.info("gateway_stopped", extra={"gateway_id": gateway.id})


def find_gateway(site: Site, gateway_id: str) -> Gateway:
    """Return the gateway of the site. Raises PermanentError naming those that exist."""
    for gateway in site.gateway:
        if gateway.id == gateway_id:
            return gateway
    known = ", ".join(gateway.id for gateway in site.gateway) or "none"
    raise PermanentError(f"gateway {gateway_id!r} is not in the site; it has {known}")


def open_spool(gateway: Gateway, options: GatewayOptions, stop: Event) -> Spool | None:
    """Return the spool; while the disk refuses, try again with growing pauses. None when `stop` came first."""
    spool_options = SpoolOptions(
        path=options.data_dir / f"spool-{gateway.id}.db",
        max_bytes=gateway.spool_max_mib * _MIB,
        keep_done_ns=options.clock.town_ns_of(real_s=_KEEP_DONE_S),
    )
    pause_s = 0.0
    while not stop.wait(pause_s):
        try:
            spool = Spool.open(spool_options, now_ns=options.clock.now_ns())
        except TransientError as error:
            if pause_s == 0.0:
                log.error("spool_unavailable", extra={"gateway_id": gateway.id, "error": str(error)})
            pause_s = min(_BACKOFF_MOST_S, max(_BACKOFF_FIRST_S, pause_s * 2))
            continue
        if pause_s:
            log.warning("spool_available", extra={"gateway_id": gateway.id})
        return spool
    return None


def keep_running(parts: Sequence[Part], stop: Event) -> None:
    """Run every part in its own thread until `stop` is set, then wait for them, at most 1.5 s in all."""
    threads = [Thread(target=_serve, args=(part, stop), name=f"gateway-{part.name}", daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    stop.wait()
    deadline_s = time.monotonic() + _STOP_PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
        if thread.is_alive():
            log.warning("part_does_not_stop", extra={"part": thread.name})


def _serve(part: Part, stop: Event) -> None:
    pause_s = _BACKOFF_FIRST_S
    while not stop.is_set():
        began_s = time.monotonic()
        try:
            part.run(stop)
        except Exception:
            log.exception("part_failed", extra={"part": part.name, "again_in_s": pause_s})
        if time.monotonic() - began_s > _STEADY_S:
            pause_s = _BACKOFF_FIRST_S
        stop.wait(pause_s)
        pause_s = min(_BACKOFF_MOST_S, pause_s * 2)


def make_bench(gateway: Gateway, options: GatewayOptions, spool: Spool) -> Bench:
    """Return what the parts of a gateway are made of. Raises PermanentError for a site that cannot be served."""
    wake = Event()
    plugins = plugins_of(options.site, gateway)
    believed = {device_id: int(text) for device_id, text in spool.notes(CLOCK_NOTES).items()}
    decoder = Decoder(options.site, plugins, DeviceClocks(clock_limits(options.clock), believed=believed))
    intake = Intake(decoder, spool, wake=wake.set)
    return Bench(gateway=gateway, options=options, plugins=plugins, spool=spool, intake=intake, wake=wake)


def clock_limits(clock: Clock) -> ClockLimits:
    """Return the tolerances for device clocks; delays of the machine are real, so a fast town clock stretches them."""
    stretch_ns = 0 if clock.speed == 1.0 else clock.town_ns_of(real_s=_MACHINE_DELAY_S)
    limits = ClockLimits()
    return ClockLimits(
        behind_ns=limits.behind_ns + stretch_ns,
        ahead_ns=limits.ahead_ns,
        overlap_ns=limits.overlap_ns + stretch_ns,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the parts of one gateway are made of."""

    gateway: Gateway
    options: GatewayOptions
    plugins: Plugins
    spool: Spool
    intake: Intake
    wake: Event

    def parts(self) -> list[Part]:
        """Return the parts of the gateway in the order in which they start: sources, pulse, uplink."""
        maker = SourceMaker(
            site=self.options.site,
            gateway=self.gateway,
            clock=self.options.clock,
            plugins=self.plugins,
            intake=self.intake,
        )
        sources = [Part(name=maker.name(n), run=maker.make(n).run) for n in range(len(self.gateway.source))]
        return [*sources, self.pulse_part(), self.uplink_part()]

    def put_gathered(self, *, is_end: bool = False) -> None:
        """Take readings made of many frames into the spool when their time is over, or all at the end."""
        try:
            self.intake.put_gathered(now_ns=self.options.clock.now_ns(), now_s=time.monotonic(), is_end=is_end)
        except TransientError:
            return  # logged by the spool at its start and at its end; kept for the next call

    def pulse_part(self) -> Part:
        clock, gateway_id = self.options.clock, self.gateway.id
        pulse_options = PulseOptions(
            gateway_id=gateway_id,
            interval_ns=self.gateway.heartbeat_interval_s * 1_000_000_000,
            data_dir=self.options.data_dir,
        )
        pulse = Pulse(pulse_options, self.spool)

        def run(stop: Event) -> None:
            while not stop.is_set():
                now_ns = clock.now_ns()
                self.put_gathered()
                try:
                    self.spool.tend(now_ns=now_ns)
                    report_damaged(self.spool, publisher=gateway_id, now_ns=now_ns)
                    if pulse.beat(now_ns=now_ns):
                        self.wake.set()
                except TransientError:
                    stop.wait(_TEND_EVERY_S)  # logged by the spool at its start and at its end
                until_s = clock.real_seconds_until(pulse.due_ns(now_ns=now_ns))
                stop.wait(min(_TEND_EVERY_S, max(_BUSY_WAIT_S, until_s)))

        return Part(name="pulse", run=run)

    def uplink_part(self) -> Part:
        clock = self.options.clock
        uplink_options = UplinkOptions(
            publisher=self.gateway.id,
            resent_after_s=_RESENT_AFTER_S,
            resent_after_town_ns=clock.town_ns_of(real_s=_RESENT_AFTER_S),
        )
        broker = hub_link_options(self.options.site.broker, gateway_id=self.gateway.id)
        hub = HubPublisher(broker, gateway_id=self.gateway.id)

        def run(stop: Event) -> None:
            loop = UplinkLoop(self.spool, hub, uplink_options)
            hub.start()
            try:
                while not stop.is_set():
                    self.wake.clear()
                    _step(loop, clock)
                    self.wake.wait(_BUSY_WAIT_S if loop.is_waiting else _IDLE_WAIT_S)
            finally:
                hub.stop()

        return Part(name="uplink", run=run)


def _step(loop: UplinkLoop, clock: Clock) -> None:
    try:
        loop.step(now_s=time.monotonic(), now_ns=clock.now_ns())
    except TransientError:
        return  # logged by the spool at its start and at its end; tried again in the next round
