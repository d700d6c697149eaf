"""`device_fault`: a device, or its gateway for it, says that something is wrong with it. A fault is never data.

Looks at `line_fault` (what the gateway says of the wire: lost, no answer, garbage, wrong instrument), `device_fault`
(the device's own code) and `battery_low`, channels included; anything but 0 is a fault, NaN says nothing. Each of them
is a subject of its own. Hold times as in `ingest.lasting`. A device with a fault keeps its deadline of silence
(`silent` does not count hearsay). Always at work: a site that names no such rule has it for all devices.

Source: acceptance of the issue "real devices" (a line's failure is a fault, not data).
"""

from __future__ import annotations

from ingest.batch import Bools, Floats
from ingest.lasting import Lasting, LastingParams
from ingest.plugins import RuleSpec


class DeviceFaultParams(LastingParams):
    """A fault is told when it has lasted `hold_s`, and is over when it has been gone for `clear_hold_s`."""


class DeviceFault(Lasting):
    """The rule at work; its subjects are channels that tell faults (`device/quantity`)."""

    quantities = frozenset({"line_fault", "device_fault", "battery_low"})

    def is_so(self, quantity: str, value: Floats) -> Bools:
        """Return which values (N,) are a fault."""
        del quantity
        faulty: Bools = value != 0.0
        return faulty


RULE = RuleSpec(name="device_fault", params=DeviceFaultParams, timeline="observed", build=DeviceFault)
