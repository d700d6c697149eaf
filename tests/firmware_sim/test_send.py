"""The pseudo-terminal behaves like a line: nothing is sent before somebody reads, unplugging is seen."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread

import pytest
import serial

from devices.model import PermanentError
from firmware_sim.send import Patience, SerialSender
from tests.support import wait_until


def test_bytes_arrive_whole_and_unread_bytes_are_counted(tmp_path: Path) -> None:
    line = SerialSender(tmp_path / "port", Patience(stop=Event()))
    line.open()
    assert not line.wait_for_reader(deadline_s=0.0)
    with serial.Serial(str(tmp_path / "port"), 9600, timeout=5.0) as reader:
        assert line.wait_for_reader(deadline_s=time.monotonic() + 5.0)
        line.send(b"R1234\r")
        wait_until(lambda: line.unread_bytes() == 6, timeout_s=5.0)
        assert reader.read(6) == b"R1234\r"
        assert line.unread_bytes() == 0
    line.close()
    assert not (tmp_path / "port").is_symlink()


def test_more_than_the_kernel_holds_is_not_lost(tmp_path: Path) -> None:
    line = SerialSender(tmp_path / "port", Patience(stop=Event()))
    line.open()
    sent = b"".join(b"R%04d\r" % (500 + i % 4000) for i in range(20_000))
    with serial.Serial(str(tmp_path / "port"), 9600, timeout=5.0) as reader:
        assert line.wait_for_reader(deadline_s=time.monotonic() + 5.0)
        writer = Thread(target=line.send, args=(sent,))
        writer.start()
        got = reader.read(len(sent))
        writer.join(5.0)
    line.close()
    assert got == sent


def test_a_reader_sees_the_line_unplugged(tmp_path: Path) -> None:
    line = SerialSender(tmp_path / "port", Patience(stop=Event()))
    line.open()
    with serial.Serial(str(tmp_path / "port"), 9600, timeout=5.0) as reader:
        assert line.wait_for_reader(deadline_s=time.monotonic() + 5.0)
        line.close()
        with pytest.raises((serial.SerialException, OSError)):
            reader.read(1)


def test_a_real_port_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    path.write_bytes(b"")
    with pytest.raises(PermanentError, match="does not replace real ports"):
        SerialSender(path, Patience(stop=Event())).open()
    assert path.exists()
    assert path.read_bytes() == b""
