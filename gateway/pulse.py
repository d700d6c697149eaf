"""The gateway's own sign of life: its figures as readings, through the same spool as everything else."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from devices.model import SECOND_NS, Reading
from devices.senml import encode_readings
from gateway.spool import Spool
from gateway.spool_rows import DROPPED
from gateway.spool_types import Lane, NewRow, SpoolState

COUNTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: name for name in DROPPED},
        "damaged": "rows_damaged",
        "frames_quarantined": "frames_quarantined",
        "quarantine_not_kept": "quarantine_not_kept",
        "clocks_refused": "clocks_refused",
        "frames_cut_front": "frames_torn",
        "frames_repeat": "frames_repeated",
        "frames_own": "frames_repeated",
        "frames_empty": "frames_empty",
        "serial_bytes_cut": "serial_bytes_cut",
        "serial_frames_dropped": "serial_frames_dropped",
        "messages_not_asked_for": "messages_not_asked_for",
        "uplink_timeouts": "uplink_timeouts",
        "receipts_unreadable": "receipts_unreadable",
    }
)
"""What a gateway counts, and the quantity by which its pulse tells it once it is not zero."""

_PUSHES, _PUSH_TAKEN = "pushes_", "pushes_204"


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
    counted = _counted(state.counters)
    values |= {quantity: counted[quantity] for quantity in counted.keys() - values.keys()}
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


def _counted(counters: Mapping[str, int]) -> Counter[str]:
    """Return what was counted, by quantity, without what is zero."""
    found: Counter[str] = Counter()
    for name, count in counters.items():
        is_refused = name.startswith(_PUSHES) and name != _PUSH_TAKEN
        quantity = "pushes_refused" if is_refused else COUNTED.get(name, "")
        if quantity and count:
            found[quantity] += count
    return found
