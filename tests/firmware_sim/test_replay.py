"""Replay: what was recorded arrives over real transports, and the ledger says exactly what was sent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from threading import Event, Thread

import pytest
import serial

from devices.clock import start_clock
from devices.model import PermanentError, TransientError
from firmware_sim.replay import ReplayOptions, run_replay
from firmware_sim.rows import instant_ns
from tests.firmware_sim.town import ROWS, Heard, LineReader, Listener, Town, hear_line, hear_messages
from tests.support import wait_until

SAID: dict[str, list[Heard]] = {
    "snow-01": [
        ("snow-01", "distance", 2.5, None),
        ("snow-01", "distance", 2.51, None),
        ("snow-01", "distance", None, None),
    ],
    "temp-01": [("temp-01", "air_temperature", -3.25, None), ("temp-01", "air_temperature", -3.5, None)],
    "snow-02": [
        ("snow-02", "battery_voltage", 3.1, 7),
        ("snow-02", "distance", 1.234, 7),
        ("snow-02", "valid_samples", 1.0, 7),
        ("snow-02", "rssi", -110.0, 7),
        ("snow-02", "distance", 1.235, 8),
        ("snow-02", "valid_samples", 1.0, 8),
    ],
    "pir-01": [("pir-01", "occupancy", 1.0, None), ("pir-01", "occupancy", 0.0, None)],
}
FRAMES = 9  # utterings in ROWS


def by_device(heard: Iterable[Heard]) -> dict[str, list[Heard]]:
    found: dict[str, list[Heard]] = defaultdict(list)
    for one in heard:
        found[one[0]].append(one)
    return dict(found)


def options(town: Town, *inputs: str, patience_s: float = 10.0) -> ReplayOptions:
    return ReplayOptions(site=town.site, inputs=inputs, speed=None, ledger=town.ledger, patience_s=patience_s)


def test_every_transport_carries_what_was_recorded(town: Town) -> None:
    with LineReader(town.line) as line, Listener(town.broker.port) as listener:
        assert run_replay(options(town, town.write_rows()), Event()) == FRAMES
        wait_until(lambda: len(listener.messages) >= FRAMES - 3)
    heard = [*hear_line(line.got), *hear_messages(listener.contents(), town.site)]
    assert by_device(heard) == SAID


def test_the_ledger_says_exactly_what_was_sent(town: Town) -> None:
    with LineReader(town.line):
        run_replay(options(town, town.write_rows()), Event())
    rows = town.sent()
    ledger = sorted((r["device_id"], r["quantity"], str(r["value"]), r["seq"]) for r in rows)
    assert ledger == sorted((d, q, str(v), s) for heard in SAID.values() for d, q, v, s in heard)
    assert [row["n"] for row in rows] == list(range(1, len(rows) + 1))
    times = {(row["device_id"], row["observed_at"]) for row in rows}
    assert times == {
        ("snow-01", None),  # neither a gauge on a line nor a LoRaWAN device tells the time
        ("snow-02", None),
        ("temp-01", "2026-01-20T00:00:10Z"),
        ("temp-01", "2026-01-20T00:01:10Z"),
        ("pir-01", "2026-01-20T00:00:30.250000Z"),
        ("pir-01", "2026-01-20T00:01:30.500000Z"),
    }


def test_rows_of_several_files_go_out_in_order_of_time(town: Town) -> None:
    lines = ROWS.splitlines(keepends=True)
    odd, even = town.write_rows("".join(lines[::2]), name="odd.csv"), town.write_rows("".join(lines[1::2]))
    with LineReader(town.line):
        run_replay(options(town, odd, even), Event())
    sent_at = [instant_ns(row["sent_at"]) for row in town.sent()]
    assert sent_at == sorted(sent_at)
    assert sent_at[0] == instant_ns("2026-01-20T00:00:00Z")


@pytest.mark.parametrize("has_clock", [True, False])
def test_a_paced_row_goes_out_when_its_time_has_come(town: Town, has_clock: bool) -> None:
    speed, first_ns = 100.0, instant_ns("2026-01-20T00:00:00Z")
    began_s = time.monotonic()
    clock = start_clock(town_start_ns=first_ns, speed=speed, lead_s=0.5) if has_clock else None
    paced = ReplayOptions(site=town.site, inputs=(town.write_rows(),), speed=speed, clock=clock, ledger=town.ledger)
    with LineReader(town.line), Listener(town.broker.port) as listener:
        run_replay(paced, Event())
        wait_until(lambda: len(listener.messages) >= FRAMES - 3)
    took_s = time.monotonic() - began_s
    assert 120 / speed + 0.5 * has_clock <= took_s < 10.0
    devices = [heard[0] for heard in hear_messages(listener.contents(), town.site) if heard[1] != "valid_samples"]
    in_order = ["temp-01", "snow-02", "snow-02", "snow-02", "pir-01", "temp-01", "snow-02", "pir-01"]
    assert devices == in_order
    late_ns = [instant_ns(r["sent_at"]) - instant_ns(r["observed_at"]) for r in town.sent() if r["observed_at"]]
    assert all(0 <= late < 50 * 1_000_000_000 for late in late_ns)  # half a second of the machine


def test_a_device_the_site_does_not_know_stops_it_before_anything_is_sent(town: Town) -> None:
    rows = town.write_rows(ROWS + "2026-01-20T00:05:00Z,snow-99,distance,1,\n")
    with (
        Listener(town.broker.port) as listener,
        pytest.raises(PermanentError, match="device 'snow-99' of the recording is not in the site"),
    ):
        run_replay(options(town, rows), Event())
    assert listener.messages == []
    assert not town.line.is_symlink()
    assert not town.ledger.exists()


def test_a_quantity_the_model_cannot_say_is_named(town: Town) -> None:
    rows = town.write_rows("2026-01-20T00:00:00Z,snow-01,air_temperature,1,\n")
    with pytest.raises(PermanentError, match=r"device 'snow-01' \(maxbotix_mb7374\) cannot say 'air_temperature'"):
        run_replay(options(town, rows), Event())


def test_a_line_that_nobody_opens_is_named(town: Town) -> None:
    with pytest.raises(TransientError, match=r"nobody opened the serial port .*snow-01 within 0.2 s"):
        run_replay(options(town, town.write_rows(), patience_s=0.2), Event())
    assert not town.line.is_symlink()
    assert town.sent() == []


def test_a_line_that_nobody_reads_is_named(town: Town) -> None:
    rows = town.write_rows("".join(f"{10**18 + n},snow-01,distance,2.5,\n" for n in range(20_000)))
    failures: list[Exception] = []

    def replay() -> None:
        try:
            run_replay(options(town, rows, patience_s=1.0), Event())
        except TransientError as error:
            failures.append(error)

    thread = Thread(target=replay)
    thread.start()
    wait_until(town.line.exists)
    with serial.Serial(str(town.line), 9600):
        thread.join(20.0)
    assert [str(error) for error in failures] == ["nobody reads the serial line snow-01"]
    assert 0 < len(town.sent()) < 20_000


def test_a_broker_that_is_away_is_named(town: Town) -> None:
    town.broker.kill()
    with LineReader(town.line), pytest.raises(TransientError, match=f"no MQTT broker answers on .*:{town.broker.port}"):
        run_replay(options(town, town.write_rows()), Event())
    assert not town.line.is_symlink()


def test_a_broker_that_falls_silent_does_not_count_as_sent(town: Town) -> None:
    rows = town.write_rows("".join(f"{10**18 + n * 10**9},temp-01,air_temperature,1,\n" for n in range(100)))
    paced = ReplayOptions(site=town.site, inputs=(rows,), speed=100.0, ledger=town.ledger, patience_s=1.0)
    failures: list[Exception] = []

    def replay() -> None:
        try:
            run_replay(paced, Event())
        except TransientError as error:
            failures.append(error)

    thread = Thread(target=replay)
    thread.start()
    wait_until(lambda: len(town.sent()) > 10)
    town.broker.freeze()
    thread.join(20.0)
    assert "not everything that was sent has been taken by the broker (as sim-temp-01)" in str(failures[0])


def test_a_broker_that_was_away_for_a_moment_gets_everything(town: Town) -> None:
    rows = town.write_rows("".join(f"{10**18 + n * 10**9},temp-01,air_temperature,{n / 10},\n" for n in range(200)))
    paced = ReplayOptions(site=town.site, inputs=(rows,), speed=100.0, ledger=town.ledger)
    thread = Thread(target=run_replay, args=(paced, Event()))
    with Listener(town.broker.port) as listener:
        thread.start()
        wait_until(lambda: len(listener.messages) > 10)
    town.broker.kill()
    town.broker.start()
    with Listener(town.broker.port) as again:
        thread.join(30.0)
        assert not thread.is_alive()
        wait_until(lambda: b"19.9" in again.messages[-1][1] if again.messages else False)
    heard = hear_messages([*listener.contents(), *again.contents()], town.site)
    # what the broker had acknowledged and not passed on when it fell is gone with it: no more than a handful
    assert len(set(range(200)) - {round(value * 10) for _, _, value, _ in heard if value is not None}) < 10


def test_a_missing_input_is_named_before_anything_is_opened(town: Town, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"gone\.csv' is neither a file nor a scene"):
        run_replay(options(town, str(tmp_path / "gone.csv")), Event())


def test_stop_ends_it_and_the_ledger_holds_only_what_went_out(town: Town) -> None:
    stop = Event()
    rows = town.write_rows("".join(f"{10**18 + n * 10**9},temp-01,air_temperature,{n},\n" for n in range(1_000)))
    paced = ReplayOptions(site=town.site, inputs=(rows,), speed=50.0, ledger=town.ledger)
    counts: list[int] = []
    thread = Thread(target=lambda: counts.append(run_replay(paced, stop)))
    with Listener(town.broker.port) as listener:
        thread.start()
        wait_until(lambda: len(town.sent()) > 10)
        stop.set()
        thread.join(5.0)
        assert not thread.is_alive()
        wait_until(lambda: len(listener.messages) >= counts[0])
    assert len(town.sent()) == len(listener.messages) == counts[0]
