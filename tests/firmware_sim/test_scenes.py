"""The recorded scenes that ship: readable, in order, in their 60 hours, plausible, and what the recordings make."""

from __future__ import annotations

import csv
import gzip
import io
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from devices.model import PermanentError
from devices.quantities import quantity
from firmware_sim.rows import find_input, read_utterings
from firmware_sim.scenes.make_scenes import (
    SCENES_START,
    Row,
    contact_changes,
    distance_text,
    instant,
    packed,
    reported,
    scene_makers,
    shifted,
    with_heartbeats,
)

START = datetime(2026, 1, 20, 0, 0, tzinfo=UTC)
END = datetime(2026, 1, 22, 12, 0, tzinfo=UTC)
MOUNT_HEIGHT_M = 5.0

# scene, device, quantity, rows, lowest, highest, has a frame counter
SERIES = [
    ("snow_storm", "snow-01", "distance", 61, 3.430, 4.040, False),
    ("snow_storm", "snow-02", "distance", 41, 3.830, 4.160, True),
    ("snow_storm", "temp-01", "air_temperature", 61, -1.6, 3.4, False),
    ("box_traps", "trap-01", "contact_open", 32, 0.0, 1.0, True),
    ("box_traps", "trap-02", "contact_open", 31, 0.0, 1.0, True),
    ("home_motion", "pir-01", "occupancy", 596, 0.0, 1.0, False),
    ("home_motion", "pir-02", "occupancy", 340, 0.0, 1.0, False),
    ("home_motion", "door-01", "contact_open", 71, 0.0, 1.0, False),
]
SCENES = ("snow_storm", "box_traps", "home_motion")

Line = tuple[datetime, str, str, float, str]


def text_of(scene: str) -> str:
    return gzip.decompress(find_input(scene).read_bytes()).decode()


def lines_of(scene: str) -> list[Line]:
    return [
        (datetime.fromisoformat(row["observed_at"]), row["device_id"], row["quantity"], float(row["value"]), seq)
        for row in csv.DictReader(io.StringIO(text_of(scene)))
        for seq in [row.get("seq") or ""]
    ]


def of_device(scene: str, device_id: str) -> list[tuple[datetime, float]]:
    return [(at, value) for at, device, _, value, _ in lines_of(scene) if device == device_id]


def hour(at: datetime) -> float:
    return (at - START) / timedelta(hours=1)


@pytest.fixture(scope="module")
def recorded() -> Path:
    """The folder of recorded data, beside the checkout or where SATOMORI_RECORDED_DATA says."""
    folder = Path(os.environ.get("SATOMORI_RECORDED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (folder / "room_pir_occupancy").is_dir():
        pytest.skip("the recorded data are not here; SATOMORI_RECORDED_DATA names their folder")
    return folder


# what ships


@pytest.mark.parametrize(
    ("scene", "header"),
    [
        ("snow_storm", "observed_at,device_id,quantity,value,seq"),
        ("box_traps", "observed_at,device_id,quantity,value,seq"),
        ("home_motion", "observed_at,device_id,quantity,value"),
    ],
)
def test_header(scene: str, header: str) -> None:
    assert text_of(scene).splitlines()[0] == header


@pytest.mark.parametrize("scene", SCENES)
def test_every_row_is_an_uttering_of_the_simulator(scene: str) -> None:
    assert len(read_utterings(find_input(scene))) == len(lines_of(scene))


@pytest.mark.parametrize("scene", SCENES)
def test_rows_are_sorted_and_none_stands_twice(scene: str) -> None:
    keys = [(at, device, key) for at, device, key, _, _ in lines_of(scene)]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("scene", SCENES)
def test_rows_begin_at_the_start_and_stay_in_the_60_hours(scene: str) -> None:
    times = [at for at, *_ in lines_of(scene)]
    assert times[0] == START == SCENES_START
    assert times[-1] <= END


@pytest.mark.parametrize("scene", SCENES)
def test_times_are_utc_with_offset(scene: str) -> None:
    assert all(line.split(",")[0].endswith("+00:00") for line in text_of(scene).splitlines()[1:])


@pytest.mark.parametrize("scene", SCENES)
def test_devices_and_quantities(scene: str) -> None:
    found = {(device, key) for _, device, key, _, _ in lines_of(scene)}
    assert found == {(device, key) for name, device, key, *_ in SERIES if name == scene}


@pytest.mark.parametrize(("scene", "device", "key", "rows", "lowest", "highest", "_counts"), SERIES)
def test_values(scene: str, device: str, key: str, rows: int, lowest: float, highest: float, _counts: bool) -> None:
    values = [value for _, value in of_device(scene, device)]
    assert (len(values), min(values), max(values)) == (rows, lowest, highest)
    assert quantity(key).lo <= lowest <= highest <= quantity(key).hi


@pytest.mark.parametrize(
    ("scene", "device"), [(name, device) for name, device, key, *_ in SERIES if quantity(key).kind == "state"]
)
def test_states_are_0_or_1(scene: str, device: str) -> None:
    assert {value for _, value in of_device(scene, device)} == {0.0, 1.0}


@pytest.mark.parametrize(("scene", "device", "counts"), [(row[0], row[1], row[6]) for row in SERIES])
def test_frame_counters_run_from_1(scene: str, device: str, counts: bool) -> None:
    counters = [seq for _, name, _, _, seq in lines_of(scene) if name == device]
    assert counters == [str(n) if counts else "" for n in range(1, len(counters) + 1)]


@pytest.mark.parametrize("scene", SCENES)
def test_file_is_small_and_carries_no_time_of_packing(scene: str) -> None:
    raw = find_input(scene).read_bytes()
    assert len(raw) < 100_000
    assert raw[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        ("snow_storm", "doi:10.1016/j.isci.2022.104240"),
        ("snow_storm", "Copyright (c) 2021, M3Works"),
        ("box_traps", "CC0 1.0"),
        ("home_motion", "MIT License"),
        ("home_motion", "Apache-2.0"),
    ],
)
def test_origin_names_the_licence(scene: str, said: str) -> None:
    assert said in (find_input(scene).parent / "ORIGIN.md").read_text(encoding="utf-8")


# what happens in them


@pytest.mark.parametrize(
    ("device", "hours", "depth_m"),
    [
        ("snow-01", 0, 0.960),
        ("snow-01", 21, 1.483),
        ("snow-01", 22, 1.509),
        ("snow-01", 25, 1.570),
        ("snow-01", 43, 1.385),
        ("snow-02", 0, 0.841),
        ("snow-02", 28, 1.170),
        ("snow-02", 40, 1.128),
    ],
)
def test_snow_depths_of_the_recording(device: str, hours: int, depth_m: float) -> None:
    distances = {hour(at): value for at, value in of_device("snow_storm", device)}
    assert MOUNT_HEIGHT_M - distances[hours] == pytest.approx(depth_m, abs=1e-9)


def test_snow_01_rises_once_over_a_threshold_and_falls_below_it_again() -> None:
    depths = [(hour(at), MOUNT_HEIGHT_M - value) for at, value in of_device("snow_storm", "snow-01")]
    assert [at for at, depth in depths if depth >= 1.50] == [22, 23, 24, 25, 26]
    assert min(at for at, depth in depths if at > 26 and depth < 1.399) == 43


@pytest.mark.parametrize("device", ["snow-01", "temp-01", "snow-02"])
def test_snow_station_speaks_every_hour(device: str) -> None:
    times = [at for at, _ in of_device("snow_storm", device)]
    assert {b - a for a, b in pairwise(times)} == {timedelta(hours=1)}


def test_snow_02_is_silent_for_the_last_20_hours() -> None:
    assert END - of_device("snow_storm", "snow-02")[-1][0] == timedelta(hours=20)


@pytest.mark.parametrize(
    ("device", "sprung"),
    [
        ("trap-01", ["2026-01-20T05:00:14", "2026-01-21T05:09:12", "2026-01-22T05:04:09"]),
        ("trap-02", ["2026-01-20T19:08:33"]),
    ],
)
def test_traps_spring_when_an_animal_came(device: str, sprung: list[str]) -> None:
    states = of_device("box_traps", device)
    opened = [b[0] for a, b in pairwise(states) if (a[1], b[1]) == (0.0, 1.0)]
    armed = [b[0] for a, b in pairwise(states) if (a[1], b[1]) == (1.0, 0.0)]
    assert opened == [datetime.fromisoformat(f"{text}+00:00") for text in sprung]
    assert armed == [at + timedelta(hours=6) for at in opened]


@pytest.mark.parametrize("device", ["trap-01", "trap-02"])
def test_trap_is_heard_every_2_hours(device: str) -> None:
    times = [*(at for at, _ in of_device("box_traps", device)), END]
    assert max(b - a for a, b in pairwise(times)) == timedelta(hours=2)


def test_nobody_moves_for_16_hours_while_both_sensors_are_heard() -> None:
    motion = sorted(at for pir in ("pir-01", "pir-02") for at, value in of_device("home_motion", pir) if value == 1)
    still = [(a, b) for a, b in pairwise(motion) if b - a > timedelta(hours=1)]
    assert [(a.isoformat(), b.isoformat()) for a, b in still] == [
        ("2026-01-20T08:45:54+00:00", "2026-01-21T00:59:04+00:00")
    ]
    assert motion[-1] == datetime(2026, 1, 21, 8, 59, 1, tzinfo=UTC)


@pytest.mark.parametrize("device", ["pir-01", "pir-02"])
def test_motion_sensor_is_heard_every_50_minutes_until_the_recording_stops(device: str) -> None:
    times = [at for at, _ in of_device("home_motion", device)]
    assert max(b - a for a, b in pairwise(times)) < timedelta(minutes=51)
    assert hour(times[-1]) == pytest.approx(45.565, abs=0.01)


@pytest.mark.parametrize("device", ["pir-01", "pir-02"])
def test_nothing_is_said_in_a_gap_of_the_recording(device: str) -> None:
    begin, end = START + timedelta(hours=1, minutes=52, seconds=51), START + timedelta(hours=2, minutes=18, seconds=21)
    assert [at for at, _ in of_device("home_motion", device) if begin <= at <= end] == []


def test_door_says_what_was_recorded_and_keeps_saying_it() -> None:
    states = of_device("home_motion", "door-01")
    assert [(at.isoformat(), value) for at, value in states[:3]] == [
        ("2026-01-20T01:40:27.213000+00:00", 0.0),
        ("2026-01-20T01:40:32.750000+00:00", 1.0),
        ("2026-01-20T02:30:32.750000+00:00", 1.0),
    ]
    assert END - states[-1][0] < timedelta(minutes=50)


# how they are made


@pytest.mark.parametrize("scene", SCENES)
def test_scene_is_what_the_recordings_make(scene: str, recorded: Path) -> None:
    made = packed(scene_makers()[scene](recorded))
    # The text is compared, not the bytes: another zlib may pack the same text differently.
    assert gzip.decompress(made).decode() == text_of(scene)
    assert packed(scene_makers()[scene](recorded)) == made


def test_every_scene_has_a_maker_and_a_folder() -> None:
    folders = {path.parent.name for path in find_input("snow_storm").parents[1].glob("*/readings.csv.gz")}
    assert set(scene_makers()) == folders == set(SCENES)


def at_hour(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("depth_m", "text"), [("1.509", "3.491"), ("0", "5.000"), ("4.5", "0.500"), ("1.0225", "3.978")]
)
def test_distance(depth_m: str, text: str) -> None:
    assert distance_text(Decimal(depth_m)) == text


@pytest.mark.parametrize("depth_m", ["4.501", "-0.001", "-9999"])
def test_distance_outside_the_gauge_is_refused(depth_m: str) -> None:
    with pytest.raises(PermanentError, match=r"outside the gauge's 0\.5 to 5\.0 m"):
        distance_text(Decimal(depth_m))


@pytest.mark.parametrize(
    ("visits", "changes"),
    [
        ([], [(0, "0")]),
        ([5], [(0, "0"), (5, "1"), (11, "0")]),
        ([5, 10.9], [(0, "0"), (5, "1"), (11, "0")]),
        ([5, 11.5], [(0, "0"), (5, "1"), (11, "0"), (11.5, "1"), (17.5, "0")]),
    ],
)
def test_contact_changes(visits: list[float], changes: list[tuple[float, str]]) -> None:
    assert contact_changes([at_hour(h) for h in visits]) == [(at_hour(h), value) for h, value in changes]


def test_only_animals_spring_a_trap_and_a_sequence_once(tmp_path: Path) -> None:
    deployment = "29b7d356-4bb4-4ec4-b792-2af5cc32efa8"
    seen = [("s1", "03:00", "unknown"), ("s2", "04:00", "blank"), ("s3", "05:00", "animal"), ("s3", "05:00", "animal")]
    lines = [f"{deployment},{sequence},2020-08-02T{at}:00Z,{kind}" for sequence, at, kind in seen]
    path = tmp_path / "camera_traps" / "mica_observations.csv.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress("\n".join(["deploymentID,sequenceID,timestamp,observationType", *lines]).encode()))
    rows = [row for row in scene_makers()["box_traps"](tmp_path) if row.device_id == "trap-01"]
    changes = [(hour(b.observed_at), b.value) for a, b in pairwise(rows) if a.value != b.value]
    assert changes == [(5, "1"), (11, "0")]


def test_heartbeats_begin_anew_after_a_change_and_end_with_the_scene() -> None:
    beats = with_heartbeats([(at_hour(50), "0"), (at_hour(53), "1"), (at_hour(61), "0")], every=timedelta(hours=2))
    assert [(hour(at), value) for at, value in beats] == [
        (50, "0"), (52, "0"), (53, "1"), (55, "1"), (57, "1"), (59, "1"),
    ]  # fmt: skip


def test_reported_states_are_the_first_the_changes_and_late_repeats() -> None:
    dense = [(at_hour(h), value) for h, value in [(0, "0"), (0.5, "0"), (0.6, "1"), (1, "1"), (1.5, "1"), (4, "1")]]
    said = reported(dense, every=timedelta(minutes=50))
    assert [(hour(at), value) for at, value in said] == [(0, "0"), (0.6, "1"), (1.5, "1"), (4, "1")]


@pytest.mark.parametrize(("hours", "moved"), [(-0.001, None), (0, 0), (60, 60), (60.001, None)])
def test_shifted(hours: float, moved: float | None) -> None:
    start = datetime(2012, 3, 13, 9, tzinfo=UTC)
    expected = None if moved is None else at_hour(moved)
    assert shifted(start + timedelta(hours=hours), start=start) == expected


@pytest.mark.parametrize("text", ["2017/12/22 10:49:41", "2017-12-22 10:49:41", "2017-12-22T10:49:41Z"])
def test_instant(text: str) -> None:
    assert instant(text) == datetime(2017, 12, 22, 10, 49, 41, tzinfo=UTC)


def test_packed_sorts_by_time_device_quantity_and_leaves_seq_out_where_nobody_counts() -> None:
    rows = [
        Row(observed_at=at_hour(1), device_id="a", quantity="x", value="1"),
        Row(observed_at=at_hour(0), device_id="b", quantity="x", value="2.50"),
        Row(observed_at=at_hour(0), device_id="a", quantity="y", value="3"),
        Row(observed_at=at_hour(0), device_id="a", quantity="x", value="4"),
    ]
    assert gzip.decompress(packed(rows)).decode().splitlines() == [
        "observed_at,device_id,quantity,value",
        "2026-01-20T00:00:00+00:00,a,x,4",
        "2026-01-20T00:00:00+00:00,a,y,3",
        "2026-01-20T00:00:00+00:00,b,x,2.50",
        "2026-01-20T01:00:00+00:00,a,x,1",
    ]
    assert packed(rows)[4:8] == b"\0\0\0\0"
