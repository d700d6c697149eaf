"""Which clock dates a reading: the device's when it can be believed, else the gateway's.

The cases, in this order (all times as the gateway's clock counts them):

1. no device time: the gateway's; `resent` if the message is declared historical;
2. before 2015 or more than 5 min ahead: as without, and counted as refused;
3. declared historical (stored by the device, MQTT retained): the device's, `resent`;
4. within 5 min: the device's;
5. older, but this device's clock was right before and has gone on since (the message waited in the broker while the
   gateway was away): the device's, `resent`;
6. else the gateway's, counted as refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devices.model import SECOND_NS
from devices.model import Clock as ClockName
from devices.steady import SANE_FROM_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLimits:
    """How far a device clock may be off. Stretched by the caller when the town clock runs faster than the machine.

    `overlap_ns`: how far before the last believed time a message that is delivered again may lie.
    """

    behind_ns: int = 300 * SECOND_NS
    ahead_ns: int = 300 * SECOND_NS
    overlap_ns: int = 3_600 * SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTime:
    """What a message says about its own time: the device's clock (None = has none), and whether it is history."""

    observed_ns: int | None
    received_ns: int
    is_declared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The verdict. `is_refused`: the device gave a time that was not believed."""

    observed_ns: int
    clock: ClockName
    resent: bool
    is_refused: bool = False


class DeviceClocks:
    """Remembers for each device the last time of its clock that was believed."""

    def __init__(self, limits: ClockLimits, *, believed: Mapping[str, int]) -> None:
        self._limits = limits
        self._believed = dict(believed)
        self._changed: set[str] = set()

    def judge(self, device_id: str, time: DeviceTime) -> Stamp:
        """Return which clock dates the reading and whether it is history; see the table of the module."""
        observed_ns, received_ns = time.observed_ns, time.received_ns
        refused = Stamp(
            observed_ns=received_ns, clock="gateway", resent=time.is_declared, is_refused=observed_ns is not None
        )
        if observed_ns is None or observed_ns > received_ns + self._limits.ahead_ns or observed_ns < SANE_FROM_NS:
            return refused
        if time.is_declared:
            return Stamp(observed_ns=observed_ns, clock="device", resent=True)
        is_late = observed_ns < received_ns - self._limits.behind_ns
        if is_late and not self._goes_on(device_id, observed_ns):
            return refused
        self._believe(device_id, observed_ns)
        return Stamp(observed_ns=observed_ns, clock="device", resent=is_late)

    def take_changes(self) -> dict[str, int]:
        """Return the believed times that changed since the last call, by device id."""
        changes = {device_id: self._believed[device_id] for device_id in sorted(self._changed)}
        self._changed.clear()
        return changes

    def _goes_on(self, device_id: str, observed_ns: int) -> bool:
        last_ns = self._believed.get(device_id)
        return last_ns is not None and observed_ns >= last_ns - self._limits.overlap_ns

    def _believe(self, device_id: str, observed_ns: int) -> None:
        # going back is believed too (within 5 min of the gateway): else one fast clock would bar its own correction
        self._believed[device_id] = observed_ns
        self._changed.add(device_id)
