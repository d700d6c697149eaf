"""Every uplink vector of others: decoded as expected, excluded with a reason that holds, or named as out of scope."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase

import pytest

from devices.registry import load_catalog
from tests.vectors.counts import out_of_scope
from tests.vectors.judge import Verdict, families, family_of, faults, verdict_of
from tests.vectors.out_of_scope import OUT_OF_SCOPE
from tests.vectors.vectors import Vector, all_vectors

IN_SCOPE = [one for one in all_vectors() if verdict_of(one) in (Verdict.EXACT, Verdict.DIFFERS)]
EXCLUDED = [one for one in all_vectors() if verdict_of(one) is Verdict.EXCLUDED and one.agrees is not False]

needs_data = pytest.mark.skipif(not all_vectors(), reason="the recorded data are not beside the checkout")


@pytest.mark.parametrize("vector", IN_SCOPE, ids=[one.key for one in IN_SCOPE])
def test_a_vector_decodes_as_expected(vector: Vector) -> None:
    family = family_of(vector)
    assert family is not None
    assert faults(vector, family) == []


@pytest.mark.parametrize("vector", EXCLUDED, ids=[one.key for one in EXCLUDED])
def test_an_excluded_vector_could_not_pass(vector: Vector) -> None:
    family = family_of(vector)
    assert family is not None
    assert faults(vector, family), "it decodes as expected: take it out of `excluded`"


@needs_data
def test_what_the_vendor_s_own_decoder_contradicts_says_so() -> None:
    contradicted = [one for one in all_vectors() if one.agrees is False]
    assert contradicted
    assert all(one.fault_note for one in contradicted)


@needs_data
def test_what_is_out_of_scope_is_listed_by_name() -> None:
    assert out_of_scope() == sorted(OUT_OF_SCOPE)


@needs_data
def test_no_table_has_a_row_for_nothing() -> None:
    keys = [one.key for one in all_vectors()]
    for family in families():
        patterns = [*family.excluded, *family.differs]
        stale = [pattern for pattern in patterns if not any(fnmatchcase(key, pattern) for key in keys)]
        assert stale == []
        devices = {one.device for one in all_vectors()}
        assert set(family.models) <= devices
        assert set(family.models.values()) <= set(load_catalog())


@needs_data
def test_vectors_are_told_apart_by_their_key() -> None:
    assert [key for key, times in Counter(one.key for one in all_vectors()).items() if times > 1] == []
