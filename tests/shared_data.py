"""Recorded data that is read in place: it stands beside the checkout, or where SATOMORI_SHARED_DATA says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_folder() -> Path:
    """Return the folder of all sets; it may not be there."""
    return Path(os.environ.get("SATOMORI_SHARED_DATA") or _BESIDE)


def shared_data(name: str) -> Path:
    """Return the folder of the set called `name`; skip the test, naming the set, where it is absent."""
    folder = data_folder() / name
    if not folder.is_dir():
        pytest.skip(f"the recorded data {name} are not beside the checkout")
    return folder
