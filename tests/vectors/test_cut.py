"""Every vector in scope, cut short: half a payload is refused or says less, never something else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from devices.model import Decoded, PermanentError
from tests.vectors.judge import Verdict, family_of, frame_of, spec_of, verdict_of
from tests.vectors.vectors import Vector, all_vectors

WHOLE = [one for one in all_vectors() if verdict_of(one) in (Verdict.EXACT, Verdict.DIFFERS) and not one.is_error]
ONCE = list({(one.device, one.payload): one for one in WHOLE}.values())

TWICE = {"ttn:elsys/ems/uplink/1": ("pulse_count",)}
"""The example says a quantity twice; the last one counts."""


def decoded(vector: Vector, payload: bytes) -> Decoded | None:
    family = family_of(vector)
    assert family is not None
    spec = spec_of(vector, family)
    try:
        return spec.decode(replace(frame_of(vector, family), payload=payload))
    except PermanentError:
        return None


@pytest.mark.bad_input(49, 59)
@pytest.mark.parametrize("vector", ONCE, ids=[one.key for one in ONCE])
def test_a_cut_payload_never_says_something_else(vector: Vector) -> None:
    whole = decoded(vector, vector.payload)
    assert whole is not None
    for length in range(len(vector.payload)):
        part = decoded(vector, vector.payload[:length])
        if part is None:
            continue
        for key, value in part.values.items():
            want = whole.values.get(key)
            # What makes a value bad may stand behind it (tilted), and then only the whole payload knows.
            is_bad = math.isnan(value) or (want is not None and math.isnan(want))
            assert want == value or is_bad or key in TWICE.get(vector.key, ()), f"{key} of {length} bytes"
