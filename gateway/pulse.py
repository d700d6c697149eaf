"""The gateway's own sign of life: its figures as readings, through the same spool as everything else."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from devices.model import SECOND_NS, Reading
from devices.senml import encode_readings
from gateway.spool import Spool
from gateway.spool_types import Lane, NewRow, SpoolState


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseOptions:
    """`interval_ns` is town time; `data_dir` is the folder whose disk is watched."""

    gateway_id: str
    interval_ns: int
    data_dir: Path


class Pulse:
    """Beats once at start and then every interval; used by one thread."""

    def __init__(self, options: PulseOptions, spool: Spool) -> None:
        self._options = options
        self._spool = spool
        self._due_ns = 0

    def due_ns(self, *, now_ns: int) -> int:
        """Return the town time of the next beat. A clock set back does not stop it: it waits one interval at most."""
        self._due_ns = min(self._due_ns, now_ns + self._options.interval_ns)
        return self._due_ns

    def beat(self, *, now_ns: int) -> bool:
        """Put the figures into the spool when it is time; beats that were missed are not made up for.

        Raises TransientError when the disk refuses; the beat stays due.
        """
        if now_ns < self.due_ns(now_ns=now_ns):
            return False
        disk_free_bytes = shutil.disk_usage(self._options.data_dir).free
        readings = pulse_readings(
            self._options.gateway_id, self._spool.state(), now_ns=now_ns, disk_free_bytes=disk_free_bytes
        )
        row = NewRow(
            lane=Lane.PULSE,
            device_id=self._options.gateway_id,
            received_ns=now_ns,
            records=len(readings),
            body=encode_readings(readings),
        )
        self._spool.append([row])
        self._due_ns = now_ns + self._options.interval_ns
        return True


def pulse_readings(gateway_id: str, state: SpoolState, *, now_ns: int, disk_free_bytes: int) -> tuple[Reading, ...]:
    """Return the figures of a gateway as readings of the device `gateway_id`, observed and received now."""
    oldest_age_s = 0.0 if state.oldest_ns is None else max(0.0, (now_ns - state.oldest_ns) / SECOND_NS)
    values = {
        "spool_rows": state.rows_waiting,
        "oldest_unsent_age": round(oldest_age_s, 3),
        "rows_dropped": state.rows_dropped,
        "frames_quarantined": state.counters.get("frames_quarantined", 0),
        "disk_free": disk_free_bytes,
        "restarts": state.starts,
    }
    return tuple(
        Reading(
            device_id=gateway_id,
            quantity=quantity,
            value=float(value),
            observed_ns=now_ns,
            received_ns=now_ns,
            gateway_id=gateway_id,
        )
        for quantity, value in values.items()
    )
