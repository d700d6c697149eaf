"""What was recorded is sent again byte for byte; a recording never hides a gap."""

from __future__ import annotations

import json
import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.model import PermanentError, SatomoriError, TransientError
from firmware_sim.record import RawFrame, RecordOptions, read_recording, run_record, write_frame
from firmware_sim.replay import ReplayOptions, run_replay
from firmware_sim.send import MqttSender, Patience
from tests.firmware_sim.town import LineReader, Listener, Town, wait_for_lines
from tests.support import free_port, wait_until

MESSAGES = [
    ("application/satomori/device/70b3d57050000102/event/up", b'{"fCnt": 7}'),
    ("zigbee2mqtt/living room", "「居間」".encode()),
    ("readings/v1/temp-01", b"\x82\x00\xff"),
    ("zigbee2mqtt/living room", b""),
]


@dataclass(slots=True)
class Recorder:
    """A recording under way; `outcome` is the count, or what was raised."""

    options: RecordOptions
    outcome: int | SatomoriError | None = None


@contextmanager
def recording(options: RecordOptions) -> Iterator[Recorder]:
    recorder, stop = Recorder(options), Event()

    def record() -> None:
        try:
            recorder.outcome = run_record(options, stop)
        except SatomoriError as error:
            recorder.outcome = error

    thread = Thread(target=record)
    thread.start()
    wait_until(options.out.exists, what="recording has begun")
    yield recorder
    stop.set()
    thread.join(5.0)
    assert not thread.is_alive()


def sender(town: Town) -> MqttSender:
    client = MqttSender(host="127.0.0.1", port=town.broker.port, client_id="device", patience=Patience(stop=Event()))
    client.open()
    return client


def test_recorded_messages_are_sent_again_byte_for_byte(town: Town) -> None:
    out = town.folder / "town.jsonl"
    client = sender(town)
    client.send(topic="zigbee2mqtt/kept", payload=b"old", is_retained=True)
    assert client.drain()
    options = RecordOptions(out=out, port_number=town.broker.port, topics=("zigbee2mqtt/#", "+/v1/#", "application/#"))
    with recording(options) as recorder:
        for topic, payload in MESSAGES:
            client.send(topic=topic, payload=payload)
        wait_for_lines(out, at_least=5)
    client.close()
    assert recorder.outcome == 5
    frames = list(read_recording(out))
    assert [(f.address, f.payload) for f in frames] == [("zigbee2mqtt/kept", b"old"), *MESSAGES]
    assert [f.is_retained for f in frames] == [True, False, False, False, False]
    with Listener(town.broker.port) as listener:
        wait_until(lambda: len(listener.messages) == 1)  # the retained one, from the broker
        run_replay(ReplayOptions(site=town.site, inputs=(str(out),), speed=None), Event())
        wait_until(lambda: len(listener.messages) >= 6)
    assert listener.contents()[1:] == [("zigbee2mqtt/kept", b"old"), *MESSAGES]


def test_a_recorded_line_is_sent_again_byte_for_byte(town: Town) -> None:
    out, said = town.folder / "line.jsonl", b"R2500\rR25\x00\xff\r\nR5000\r" * 400
    master, slave = os.openpty()
    tty.setraw(slave)
    port = town.folder / "port"
    port.symlink_to(os.ttyname(slave))
    with recording(RecordOptions(out=out, serial_port=str(port))):
        writer = Thread(target=os.write, args=(master, said))
        writer.start()
        wait_until(lambda: b"".join(f.payload for f in read_recording(out)) == said)
        writer.join(5.0)
    os.close(master)
    os.close(slave)
    with LineReader(port) as line:
        port.unlink()
        run_replay(ReplayOptions(site=town.site, inputs=(str(out),), speed=None), Event())
        wait_until(lambda: len(line.got) >= len(said))
    assert line.got == said


def test_recordings_and_rows_go_out_on_one_time_line(town: Town) -> None:
    out = town.folder / "r.jsonl"
    with out.open("w", encoding="utf-8") as file:
        for minute in (0, 2):
            at_ns = 1_768_867_200_000_000_000 + minute * 60_000_000_000
            frame = RawFrame(received_ns=at_ns, transport="mqtt", address="zigbee2mqtt/x", payload=b"%d" % minute)
            write_frame(file, frame)
    rows = town.write_rows("2026-01-20T00:01:00Z,temp-01,air_temperature,1,\n")
    with Listener(town.broker.port) as listener:
        run_replay(ReplayOptions(site=town.site, inputs=(str(out), rows), speed=200.0), Event())
        wait_until(lambda: len(listener.messages) >= 3)
    assert [topic for topic, _ in listener.contents()] == ["zigbee2mqtt/x", "readings/v1/temp-01", "zigbee2mqtt/x"]


def test_a_lost_broker_ends_the_recording_and_keeps_what_it_has(town: Town) -> None:
    out = town.folder / "r.jsonl"
    client = sender(town)
    with recording(RecordOptions(out=out, port_number=town.broker.port, topics=("#",))) as recorder:
        client.send(topic="a", payload=b"1")
        wait_for_lines(out, at_least=1)
        town.broker.kill()
        wait_until(lambda: recorder.outcome is not None, 15.0)
    client.close()
    assert isinstance(recorder.outcome, TransientError)
    assert "what came meanwhile is not in the recording" in str(recorder.outcome)
    assert [frame.payload for frame in read_recording(out)] == [b"1"]


def test_an_unplugged_line_ends_the_recording_and_keeps_what_it_has(town: Town) -> None:
    out = town.folder / "r.jsonl"
    master, slave = os.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    os.close(slave)
    with recording(RecordOptions(out=out, serial_port=port)) as recorder:
        os.write(master, b"R2500\r")
        wait_for_lines(out, at_least=1)
        os.close(master)
        wait_until(lambda: recorder.outcome is not None)
    assert isinstance(recorder.outcome, TransientError)
    assert b"".join(frame.payload for frame in read_recording(out)) == b"R2500\r"


def test_it_ends_by_itself_after_the_time_given(town: Town) -> None:
    options = RecordOptions(out=town.folder / "r", port_number=town.broker.port, topics=("#",), seconds=0.3)
    assert run_record(options, Event()) == 0


@pytest.mark.parametrize("kind", ["mqtt", "serial"])
def test_a_source_that_is_away_is_named_and_costs_no_older_recording(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "old.jsonl"
    out.write_text("precious\n", encoding="utf-8")
    port = free_port()
    options = {
        "mqtt": RecordOptions(out=out, port_number=port, topics=("#",)),
        "serial": RecordOptions(out=out, serial_port=str(tmp_path / "ttyGone")),
    }
    named = {"mqtt": f"no MQTT broker answers on 127.0.0.1:{port}", "serial": "ttyGone cannot be opened"}
    with pytest.raises(TransientError, match=named[kind]):
        run_record(options[kind], Event())
    assert out.read_text(encoding="utf-8") == "precious\n"


@pytest.mark.parametrize(("topics", "port"), [((), ""), (("#",), "/dev/ttyUSB0")])
def test_one_kind_of_source_must_be_given(tmp_path: Path, topics: tuple[str, ...], port: str) -> None:
    with pytest.raises(PermanentError, match="give either --topic"):
        run_record(RecordOptions(out=tmp_path / "r", topics=topics, serial_port=port), Event())


def test_a_folder_that_is_not_there_is_named(town: Town) -> None:
    out = town.folder / "no" / "r.jsonl"
    with pytest.raises(PermanentError, match=r"recording .*no/r\.jsonl cannot be written: No such file"):
        run_record(RecordOptions(out=out, port_number=town.broker.port, topics=("#",)), Event())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    frames=st.lists(
        st.builds(
            RawFrame,
            received_ns=st.integers(0, 2**62),
            transport=st.sampled_from(("mqtt", "serial")),
            address=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
            payload=st.binary(max_size=40),
            is_retained=st.booleans(),
        )
    )
)
def test_what_is_written_reads_back_the_same(tmp_path: Path, frames: list[RawFrame]) -> None:
    with (tmp_path / "r.jsonl").open("w", encoding="utf-8") as file:
        for frame in frames:
            write_frame(file, frame)
    assert list(read_recording(tmp_path / "r.jsonl")) == frames


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        json.dumps({"received_at": "2026-01-20T00:00:00Z", "transport": "mqtt", "address": "a"}),
        json.dumps({"received_at": "yesterday", "transport": "mqtt", "address": "a", "payload_hex": ""}),
        json.dumps({"received_at": "2026-01-20T00:00:00Z", "transport": "mqtt", "address": "a", "payload_hex": "0g"}),
        json.dumps({"received_at": "2026-01-20T00:00:00Z", "transport": "pigeon", "address": "a", "payload_hex": ""}),
    ],
)
def test_a_line_that_is_no_frame_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("\n" + line + "\n", encoding="utf-8")
    with pytest.raises(PermanentError, match=r"^r\.jsonl line 2 is no recorded frame: "):
        list(read_recording(path))
