"""A town with a running broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware_sim.town import Broker, Town


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    broker = Broker(tmp_path)
    broker.start()
    yield Town(folder=tmp_path, broker=broker)
    broker.kill()
