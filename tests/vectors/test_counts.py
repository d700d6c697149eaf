"""The README says how many vectors of others decode: the numbers are counted, not typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vectors.counts import table
from tests.vectors.vectors import all_vectors

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.skipif(not all_vectors(), reason="the recorded data are not beside the checkout")
def test_the_table_of_counts_in_the_readme_is_up_to_date() -> None:
    assert table() in README.read_text("utf-8"), "python -m tests.vectors.counts prints the table"
