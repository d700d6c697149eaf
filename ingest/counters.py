"""Cumulative counters (openings, energy) to steps: progress, wrap, reset. Never a negative step, never a guessed one.

    value >= before                                                    progress: value - before
    before within 2 % below a modulus, and the step over it small      wrap:     value + modulus - before
    any other fall (reboot near 0, meter replaced, its unit changed)   reset:    NaN, nothing is known of the step
    no value before, or NaN                                            first:    NaN

A modulus is where the device's counter begins again at 0. It is known by model and quantity, see `moduli_of`; a
device of which none is known is never taken to have wrapped.

Source: device notes 4.5 (counters: wrap when the previous value is within 2 % of the maximum and the step is small,
reboot when the new value is near 0, `counter_reset`, no negative rate); Dragino door sensors count openings in 24 bits;
Xignal counts in 8 bits; a B-route meter's energy wraps at 10^digits of its unit (ECHONET Lite Appendix, class 0x0288,
EPC 0xD7 digits, 0xE1 unit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from devices.quantities import base_key
from ingest.batch import Bools, Floats

FIRST: Final = 0
PROGRESS: Final = 1
WRAP: Final = 2
RESET: Final = 3

NEAR = 0.02
_KWH_J = 3.6e6

Kinds = np.ndarray[Any, np.dtype[np.int8]]

# model prefix -> quantity -> moduli, in the quantity's unit; the longest prefix that fits counts
_MODULI: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "dragino": {"count": (2.0**24,)},
    "xignal": {"count": (2.0**8,)},
    # digits (up to 8) and unit (0.0001 to 10 kWh) differ from meter to meter: any power of ten may be the end
    "b_route": {"energy": tuple(10.0**k * _KWH_J for k in range(2, 9))},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What each counter did: `step` (N,) >= 0 in the counter's unit, NaN where unknown, and `kind` (N,)."""

    step: Floats
    kind: Kinds


def moduli_of(model: str, quantity: str) -> tuple[float, ...]:
    """Return where the counter `quantity` of `model` may begin again at 0, in its unit; empty when nobody knows."""
    fitting = [prefix for prefix in _MODULI if model == prefix or model.startswith(f"{prefix}_")]
    return _MODULI[max(fitting, key=len)].get(base_key(quantity), ()) if fitting else ()


def steps(before: Floats, value: Floats, *, moduli: tuple[float, ...] = ()) -> Steps:
    """Return what counters did from `before` (N,) to `value` (N,); NaN in either is no value.

    Example: 255 to 2 with modulus 256: 3, WRAP. 5000 to 1: NaN, RESET.
    """
    difference = value - before
    is_known = ~np.isnan(difference)
    step = np.where(is_known & (difference >= 0), difference, np.nan)
    kind = np.where(is_known, np.where(difference >= 0, PROGRESS, RESET), FIRST).astype(np.int8)
    for modulus in sorted(moduli, reverse=True):  # the smallest that fits wins
        over = difference + modulus
        wraps: Bools = (kind != PROGRESS) & is_known & (before < modulus) & (before >= (1 - NEAR) * modulus)
        wraps &= over <= max(2 * NEAR * modulus, 1.0)
        step, kind = np.where(wraps, over, step), np.where(wraps, WRAP, kind).astype(np.int8)
    return Steps(step=step, kind=kind)
