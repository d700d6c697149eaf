"""Which port a line is, also after it came back under another name."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.model import SerialLine
from gateway.sources.ports import PortFinder, PortSettings

LINE = SerialLine(baud=9600, split=lambda buffer: ([], buffer))


@contextmanager
def adapter(*names: Path) -> Iterator[str]:
    """A pseudo-terminal with these links; returns its real path."""
    master, slave = os.openpty()
    tty.setraw(slave)
    real = os.ttyname(slave)
    for name in names:
        name.parent.mkdir(exist_ok=True)
        name.unlink(missing_ok=True)
        name.symlink_to(real)
    try:
        yield real
    finally:
        os.close(slave)
        os.close(master)
        for name in names:
            name.unlink(missing_ok=True)


def finder_of(port: Path | str, by_id: Path) -> PortFinder:
    return PortFinder(PortSettings(port=str(port), line=LINE, baud=9600), by_id=by_id)


@pytest.mark.bad_input(10)
def test_an_adapter_that_comes_back_as_ttyusb1_is_found_by_its_lasting_name(tmp_path: Path) -> None:
    by_id = tmp_path / "by-id"
    finder = finder_of(tmp_path / "ttyUSB0", by_id)
    with adapter(tmp_path / "ttyUSB0", by_id / "usb-gauge"):
        finder.open().close()
    with pytest.raises(OSError, match="ttyUSB0"):
        finder.open()
    with adapter(tmp_path / "ttyUSB1", by_id / "usb-gauge") as real:
        port = finder.open()
        assert Path(str(port.port)).resolve() == Path(real)
        port.close()


def test_the_path_that_the_site_gives_comes_first(tmp_path: Path) -> None:
    by_id = tmp_path / "by-id"
    finder = finder_of(tmp_path / "ttyUSB0", by_id)
    with adapter(tmp_path / "ttyUSB0", by_id / "usb-gauge"):
        finder.open().close()
    with adapter(by_id / "usb-gauge"), adapter(tmp_path / "ttyUSB0"):
        port = finder.open()
        assert port.port == str(tmp_path / "ttyUSB0")
        port.close()


def test_a_name_that_leads_elsewhere_has_moved(tmp_path: Path) -> None:
    finder = finder_of(tmp_path / "tty*", tmp_path / "none")
    with adapter(tmp_path / "ttyA"):
        port = finder.open()
        assert not finder.has_moved()
        (tmp_path / "ttyA").unlink()
        assert finder.has_moved()
        with adapter(tmp_path / "ttyB"):
            assert finder.has_moved()
        port.close()


def test_a_pseudo_terminal_is_opened_though_it_knows_no_parity(tmp_path: Path) -> None:
    line = SerialLine(baud=1200, bytesize=7, parity="E", split=lambda buffer: ([], buffer))
    with adapter(tmp_path / "tty"):
        finder = PortFinder(PortSettings(port=str(tmp_path / "tty"), line=line, baud=1200), by_id=tmp_path / "none")
        port = finder.open()
        assert (port.bytesize, port.parity) == (8, "N")
        port.close()
