"""Make the readings of all scenes again from the folder of recorded data.

    python -m firmware_sim.scenes.make_scenes DATA_FOLDER [--out FOLDER]

DATA_FOLDER holds the recorded sets (`snow_snotel_css`, `snow_colorado_hourly`, `camera_traps`, `room_pir_occupancy`,
`mqtt_tasmota_zigbee`). What is done to them, and why it may ship, stands in each scene's `ORIGIN.md`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from devices.model import PermanentError

SCENES_START = datetime(2026, 1, 20, tzinfo=UTC)
SPAN = timedelta(hours=60)
TIME_IN_JAPAN = timedelta(hours=9)

MOUNT_HEIGHT_M = Decimal("5.000")
# Range of the gauges that the distances are made for; a depth that puts the snow outside has no place in the scene.
NEAREST_M, FARTHEST_M = Decimal("0.5"), Decimal("5.0")

# The source's own wall times. They are labelled UTC for the arithmetic only: the constant shift takes the zone away.
SNOW_01_START = datetime(2012, 3, 13, 9, tzinfo=UTC)
SNOW_02_START = datetime(2017, 1, 5, 9, tzinfo=UTC)
SNOW_02_HEARD = timedelta(hours=40)
TRAP_STARTS = {
    "29b7d356-4bb4-4ec4-b792-2af5cc32efa8": ("trap-01", datetime(2020, 8, 2, tzinfo=UTC)),
    "62c200a9-0e03-4495-bcd8-032944f6f5a1": ("trap-02", datetime(2021, 4, 5, tzinfo=UTC)),
}
TRAP_SPRUNG_FOR = timedelta(hours=6)
TRAP_HEARTBEAT = timedelta(hours=2)
HOME_START = datetime(2017, 12, 22, 10, 49, 41, tzinfo=UTC)
HOME_HEARTBEAT = timedelta(minutes=50)
DOOR_ADDRESS = "0x662E"

State = tuple[datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Row:
    """One line of a scene; `value` is written as it stands, in the quantity's unit. `seq` None = no frame counter."""

    observed_at: datetime
    device_id: str
    quantity: str
    value: str
    seq: int | None = None


def snow_storm(data: Path) -> list[Row]:
    """Return two snow gauges and a thermometer: hourly recorded depths, turned into the distances a gauge measures."""
    rows: list[Row] = []
    for at, record in excerpt(data / "snow_snotel_css/428_WY2012_L3.csv.gz", column="time_local", start=SNOW_01_START):
        depth_m = Decimal(record["snow_depth_cm"]) / 100
        rows.append(Row(observed_at=at, device_id="snow-01", quantity="distance", value=distance_text(depth_m)))
        temperature = record["air_temp_c"]
        rows.append(Row(observed_at=at, device_id="temp-01", quantity="air_temperature", value=temperature))
    plot = excerpt(
        data / "snow_colorado_hourly/SNEX_Met_LSOS_final_output.csv.gz", column="TIMESTAMP", start=SNOW_02_START
    )
    depths = [
        (at, distance_text(Decimal(record["SnowDepthFilter(m)"])))
        for at, record in plot
        if at <= SCENES_START + SNOW_02_HEARD
    ]
    return [*rows, *counted("snow-02", "distance", depths)]


def box_traps(data: Path) -> list[Row]:
    """Return two box traps: each recorded visit of an animal lets the gate fall, which opens the contact."""
    rows: list[Row] = []
    observations = list(records(data / "camera_traps/mica_observations.csv.gz"))
    for deployment, (device_id, start) in TRAP_STARTS.items():
        seen = {
            record["sequenceID"]: instant(record["timestamp"])
            for record in observations
            if record["deploymentID"] == deployment and record["observationType"] == "animal"
        }
        visits = [moved for at in sorted(seen.values()) if (moved := shifted(at, start=start)) is not None]
        states = with_heartbeats(contact_changes(visits), every=TRAP_HEARTBEAT)
        rows += counted(device_id, "contact_open", states)
    return rows


def home_motion(data: Path) -> list[Row]:
    """Return two motion sensors of one room and a door contact, as sensors that report changes and a heartbeat."""
    room = list(excerpt(data / "room_pir_occupancy/room_2017-12.csv.gz", column=("Date", "Time"), start=HOME_START))
    rows: list[Row] = []
    for device_id, column in (("pir-01", "S6_PIR"), ("pir-02", "S7_PIR")):
        states = [(at, record[column]) for at, record in room]
        rows += uncounted(device_id, "occupancy", reported(states, every=HOME_HEARTBEAT))
    door = with_heartbeats(door_changes(data), every=HOME_HEARTBEAT)
    return [*rows, *uncounted("door-01", "contact_open", door)]


def door_changes(data: Path) -> list[State]:
    """Return what the recorded door said, on the first day: of its messages only the time of day is known."""
    changes: list[State] = []
    midnight = SCENES_START - TIME_IN_JAPAN
    path = data / "mqtt_tasmota_zigbee/zigbee_bridge_messages.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        said = json.loads(message["payload"])["ZbReceived"].get(DOOR_ADDRESS, {})
        if "Contact" in said:
            at = midnight + _time_of_day(message["time_of_day"])
            changes.append((at, str(said["Contact"])))
    return changes


def distance_text(depth_m: Decimal) -> str:
    """Return what a gauge 5.000 m above the ground measures, in metres to the millimetre: 1.509 m of snow -> `3.491`.

    Raises PermanentError when that is outside the gauge's 0.5 to 5.0 m.
    """
    distance_m = MOUNT_HEIGHT_M - depth_m
    if not NEAREST_M <= distance_m <= FARTHEST_M:
        raise PermanentError(f"distance {distance_m} m is outside the gauge's {NEAREST_M} to {FARTHEST_M} m")
    return f"{distance_m:.3f}"


def contact_changes(visits: Iterable[datetime]) -> list[State]:
    """Return the contact's changes: armed (`0`) from the start, open (`1`) at a visit, armed again 6 h later.

    A visit while the gate is down changes nothing. `visits` in order of time.
    """
    changes = [(SCENES_START, "0")]
    for visit in visits:
        if visit >= changes[-1][0]:
            changes += [(visit, "1"), (visit + TRAP_SPRUNG_FOR, "0")]
    return changes


def with_heartbeats(changes: list[State], *, every: timedelta) -> list[State]:
    """Return the changes up to the end of the scene, and between them the last state repeated `every` so often."""
    end = SCENES_START + SPAN
    states: list[State] = []
    for (at, value), until in zip(changes, [*(at for at, _ in changes[1:]), end + every], strict=True):
        beat = at
        while beat < until and beat <= end:
            states.append((beat, value))
            beat += every
    return states


def reported(states: Iterable[State], *, every: timedelta) -> list[State]:
    """Return of a dense recording the first state, every change, and the first one `every` or more after the last said.

    Only recorded instants are used: where the recording has a gap, nothing is said.
    """
    said: list[State] = []
    for at, value in states:
        if not said or value != said[-1][1] or at - said[-1][0] >= every:
            said.append((at, value))
    return said


def counted(device_id: str, quantity: str, states: Iterable[State]) -> Iterator[Row]:
    """Yield the states as rows with a frame counter from 1."""
    for seq, (at, value) in enumerate(states, start=1):
        yield Row(observed_at=at, device_id=device_id, quantity=quantity, value=value, seq=seq)


def uncounted(device_id: str, quantity: str, states: Iterable[State]) -> Iterator[Row]:
    """Yield the states as rows of a device that counts nothing."""
    for at, value in states:
        yield Row(observed_at=at, device_id=device_id, quantity=quantity, value=value)


def excerpt(
    path: Path, *, column: str | tuple[str, ...], start: datetime
) -> Iterator[tuple[datetime, Mapping[str, str]]]:
    """Yield the records of the 60 h from `start` on, each with its instant on the scenes' time line.

    `column` names the column (or columns) that hold the source's wall time.
    """
    names = (column,) if isinstance(column, str) else column
    for record in records(path):
        moved = shifted(instant(" ".join(record[name] for name in names)), start=start)
        if moved is not None:
            yield moved, record


def shifted(at: datetime, *, start: datetime) -> datetime | None:
    """Return `at` moved by the constant that puts `start` at the scenes' start; None outside the 60 h."""
    age = at - start
    return SCENES_START + age if timedelta(0) <= age <= SPAN else None


def instant(text: str) -> datetime:
    """Return the source's wall time, labelled UTC: `2017/12/22 10:49:41`, `2009-10-01 00:00:00` or with `T` and `Z`."""
    return datetime.fromisoformat(text.replace("/", "-")).replace(tzinfo=UTC)


def _time_of_day(text: str) -> timedelta:
    hours, minutes, seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), milliseconds=int(Decimal(seconds) * 1000))


def records(path: Path) -> Iterator[dict[str, str]]:
    """Yield the records of a gzipped CSV file by column name."""
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines)


def packed(rows: Iterable[Row]) -> bytes:
    """Return the rows as gzipped long-form CSV, in order of time, device, quantity; same rows, same bytes.

    The column `seq` stands only where a device of the scene has a frame counter.
    """
    ordered = sorted(rows, key=lambda row: (row.observed_at, row.device_id, row.quantity))
    has_seq = any(row.seq is not None for row in ordered)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["observed_at", "device_id", "quantity", "value", *(["seq"] if has_seq else [])])
    for row in ordered:
        seq = ["" if row.seq is None else str(row.seq)] if has_seq else []
        writer.writerow([row.observed_at.isoformat(), row.device_id, row.quantity, row.value, *seq])
    packed_bytes = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed_bytes, mtime=0) as file:
        file.write(text.getvalue().encode())
    return packed_bytes.getvalue()


def scene_makers() -> Mapping[str, Callable[[Path], list[Row]]]:
    """Return every scene's name with the function that makes its rows."""
    return {"snow_storm": snow_storm, "box_traps": box_traps, "home_motion": home_motion}


def main() -> None:
    """Write `<scene>/readings.csv.gz` of every scene."""
    parser = argparse.ArgumentParser(description="Make the scenes' readings again from the recorded data.")
    parser.add_argument("data", type=Path, help="folder of the recorded sets")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where to write (default: here)")
    options = parser.parse_args()
    for name, make in scene_makers().items():
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "readings.csv.gz").write_bytes(packed(make(options.data)))


if __name__ == "__main__":
    main()
