"""A recording through the core: what is refused, and that only the set of its rows counts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.site import Site
from ingest.backtest import BacktestResult, event_as_json, run_backtest, write_observations
from tests.ingest.core_town import QUIET, SECOND_NS, T0_NS, device, rule, town
from tests.ingest.rules.cases import ns

HEADER = "observed_at,device_id,quantity,value"
AT = "2026-01-20T00:00:00Z"
GATEWAY = '[[gateway]]\nid = "hut"\nname = "Hut"\nstation = "road"\nheartbeat_interval_s = 60'
SITE = town(
    device("gauge", more="mount_height_m = 3.0\nexpected_interval_s = 300"),
    device("air", more="expected_interval_s = 300"),
    device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 300"),
    GATEWAY,
    rule("deep", "threshold", params="raise_at = 1.0, clear_at = 0.9, hold_s = 300", more='quantity = "snow_depth"'),
    rule("sprung", "contact_event", more='domain = "wildlife"'),
    rule("hush", "silent", params="intervals = 2.0, grace_s = 60"),
)
CALM = town(device("air"), QUIET)


def iso(at_s: int) -> str:
    return f"{np.datetime64(T0_NS + at_s * SECOND_NS, 'ns')}Z"


def written(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return path


def backtest(tmp_path: Path, *lines: str, site: Site = CALM, header: str = HEADER) -> BacktestResult:
    return run_backtest(site, [written(tmp_path / "in.csv", *lines, header=header)])


def as_bytes(result: BacktestResult, site: Site, folder: Path) -> tuple[str, str, str]:
    write_observations(folder / "out.csv", result)
    events = "\n".join(json.dumps(event_as_json(event, site)) for event in result.events)
    return (folder / "out.csv").read_text(encoding="utf-8"), events, json.dumps(result.summary())


@dataclass(frozen=True)
class Refused:
    name: str
    line: str
    reason: str
    header: str = HEADER


REFUSED = (
    Refused("unknown device", "ghost,air_temperature,1.0", "unknown_device"),
    Refused("device of other case", "Air,air_temperature,1.0", "unknown_device"),
    Refused("unknown quantity", "air,colour,1.0", "unknown_quantity"),
    Refused("no number", "air,air_temperature,cold", "bad_value"),
    Refused("number with underscore", "air,air_temperature,1_0", "bad_value"),
    Refused("full-width digits", "air,air_temperature,１", "bad_value"),
    Refused("infinity", "air,air_temperature,inf", "bad_value"),
    Refused("beyond a float", "air,air_temperature,1e999", "bad_value"),
    Refused("too few columns", "air,air_temperature", "bad_row"),
    Refused("negative counter", "air,air_temperature,1.0,-1", "bad_seq", f"{HEADER},seq"),
    Refused("counter beyond 64 bits", "air,air_temperature,1.0,9223372036854775808", "bad_number", f"{HEADER},seq"),
)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_a_bad_row_is_refused_with_its_place_and_the_others_are_taken(row: Refused, tmp_path: Path) -> None:
    seq = "," if row.header != HEADER else ""
    good = [f"{iso(at_s)},air,air_temperature,1.0{seq}" for at_s in (60, 120, 180)]

    result = backtest(tmp_path, *good[:2], f"{AT},{row.line}", good[2], header=row.header)

    assert result.readings == 3
    (refused,) = result.refusals.rows
    assert (refused.file, refused.line, refused.reason) == ("in.csv", 4, row.reason)
    assert result.summary()["quarantined_by_reason"] == {row.reason: 1}


@pytest.mark.parametrize("time", ["yesterday", "", "2026-13-01T00:00:00Z", "1e9", "１７６８８６７２００"])
def test_a_time_that_is_none_is_refused(time: str, tmp_path: Path) -> None:
    result = backtest(tmp_path, f"{time},air,air_temperature,1.0", f"{AT},air,air_temperature,1.0")

    assert result.readings == 1
    assert result.summary()["quarantined_by_reason"] == {"bad_time": 1}


@pytest.mark.parametrize("time", ["2026-01-20T09:00:00", "2026-01-20", "2026-01-20 09:00"])
def test_a_time_without_offset_stops_everything_and_names_the_line(time: str, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"in\.csv line 3: .*no offset"):
        backtest(tmp_path, f"{AT},air,air_temperature,1.0", f"{time},air,air_temperature,1.0")


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_column_is_named(column: str, tmp_path: Path) -> None:
    header = ",".join(name for name in HEADER.split(",") if name != column)

    with pytest.raises(PermanentError, match=rf"in\.csv: column {column} is missing"):
        backtest(tmp_path, "1,2,3", header=header)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"gone\.csv cannot be read"):
        run_backtest(CALM, [tmp_path / "gone.csv"])


def test_a_torn_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "torn.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "\n" + f"{AT},air,air_temperature,1.0\n" * 500).encode())[:-12])

    with pytest.raises(PermanentError, match=r"torn\.csv\.gz cannot be read"):
        run_backtest(CALM, [path])


@pytest.mark.parametrize(
    "time", ["2026-01-20T00:00:00Z", "2026-01-20T09:00:00+09:00", "2026-01-20 00:00:00+00:00", str(T0_NS)]
)
def test_the_same_instant_written_otherwise(time: str, tmp_path: Path) -> None:
    result = backtest(tmp_path, f"{time},air,air_temperature,1.0")

    assert result.observations.observed_ns.tolist() == [T0_NS]


@pytest.mark.parametrize("time", [str(T0_NS + 123_456_789), "2026-01-20T00:00:00.123456789Z"])
def test_nanoseconds_survive(time: str, tmp_path: Path) -> None:
    text, _, _ = as_bytes(backtest(tmp_path, f"{time},air,air_temperature,1.5"), CALM, tmp_path)

    at = "2026-01-20T00:00:00.123456789Z"
    assert text.splitlines()[1] == f"{at},air,air_temperature,1.5,1,,{at}"


def test_a_value_out_of_range_is_kept_and_flagged(tmp_path: Path) -> None:
    result = backtest(tmp_path, f"{AT},air,air_temperature,99", f"{iso(60)},air,air_temperature,1")

    assert result.summary()["observations_by_flag"] == {"bad": 1, "good": 1}


@pytest.mark.parametrize("value", ["", "nan", "NaN"])
def test_no_value_is_missing_and_written_empty(value: str, tmp_path: Path) -> None:
    text, _, _ = as_bytes(backtest(tmp_path, f"{AT},air,air_temperature,{value}"), CALM, tmp_path)

    assert text.splitlines()[1:] == [f"{AT},air,air_temperature,,9,,{AT}"]


def test_received_at_is_kept_and_makes_old_rows_history(tmp_path: Path) -> None:
    header = f"{HEADER},received_at"
    lines = (
        f"{AT},air,air_temperature,1,{iso(30)}",
        f"{iso(60)},air,air_temperature,2,",
        f"{iso(90)},air,air_temperature,3,{iso(991)}",
    )

    result = backtest(tmp_path, *lines, header=header)

    rows = result.observations
    assert rows.received_ns.tolist() == [ns(30), ns(60), ns(991)]
    assert rows.resent.tolist() == [False, False, True]
    assert result.until_ns == ns(991)


def test_a_reading_from_the_future_is_quarantined(tmp_path: Path) -> None:
    result = backtest(tmp_path, f"{iso(301)},air,air_temperature,1,{AT}", header=f"{HEADER},received_at")

    assert (result.readings, len(result.quarantine)) == (0, 1)


def test_other_columns_and_their_order_do_not_matter(tmp_path: Path) -> None:
    header = "value,comment,quantity,device_id,observed_at"
    result = backtest(tmp_path, f"1.5,cold,air_temperature,air,{AT}", header=header)

    assert (result.readings, result.observations.value.tolist()) == (1, [1.5])


def test_an_empty_recording_has_no_clock(tmp_path: Path) -> None:
    result = backtest(tmp_path, site=SITE)

    assert (result.readings, result.events, result.until_ns) == (0, (), None)


def silences(result: BacktestResult) -> list[tuple[str, str, int]]:
    return [
        (event.subject, event.state.value, (event.observed_ns - T0_NS) // SECOND_NS)
        for event in result.events
        if event.rule_id == "hush"
    ]


@pytest.mark.parametrize(
    ("until_s", "expected"),
    [(0, []), (659, []), (660, [("air", "raised", 660)]), (9000, [("air", "raised", 660)])],
)
def test_the_clock_runs_on_to_until(until_s: int, expected: list[tuple[str, str, int]], tmp_path: Path) -> None:
    site = town(
        device("air", more="expected_interval_s = 300"), rule("hush", "silent", params="intervals = 2.0, grace_s = 60")
    )
    path = written(tmp_path / "in.csv", f"{AT},air,air_temperature,1.0")

    assert silences(run_backtest(site, [path], until_ns=ns(until_s))) == expected


def test_rows_received_after_until_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "in.csv", *(f"{iso(at_s)},air,air_temperature,1.0" for at_s in (0, 60, 120)))

    result = run_backtest(CALM, [path], until_ns=ns(60))

    assert (result.readings, result.until_ns) == (2, ns(60))


@pytest.mark.parametrize(
    ("more", "expected"),
    [((), set()), ((f"{AT},hut,disk_free,1000000000",), {"hut"})],
    ids=["not recorded", "recorded"],
)
def test_only_gateways_that_were_recorded_fall_silent(more: Sequence[str], expected: set[str], tmp_path: Path) -> None:
    lines = (f"{AT},air,air_temperature,1.0", f"{iso(9000)},air,air_temperature,1.0", *more)

    found = {subject for subject, _, _ in silences(backtest(tmp_path, *lines, site=SITE))}

    assert found & {"hut"} == expected
    assert {"air", "gauge", "trap"} <= found


def winter() -> tuple[str, ...]:
    """Rows with everything in them: derived depths, edges, silence, late rows, NaN, refused ones."""
    lines: list[str] = []
    for at_s in range(0, 7200, 300):
        depth = 1.5 if 1200 <= at_s < 4200 else 0.5
        lines.append(f"{iso(at_s)},gauge,distance,{3.0 - depth},,{iso(at_s + 7)}")
        lines.append(f"{iso(at_s)},trap,contact_open,{int(2000 < at_s < 5000)},{at_s // 300},")
        if not 2000 < at_s < 4000:
            lines.append(f"{iso(at_s)},air,air_temperature,{'' if at_s == 600 else -5.0},,")
    lines.append(f"{iso(1000)},air,air_temperature,-4.0,,{iso(7000)}")
    lines.append(f"{iso(1000)},air,air_temperature,cold,,")
    lines.append(f"{iso(1000)},ghost,air_temperature,1.0,,")
    return tuple(lines)


WINTER = winter()
WIDE = f"{HEADER},seq,received_at"


def test_the_winter_has_everything_in_it(tmp_path: Path) -> None:
    result = backtest(tmp_path, *WINTER, site=SITE, header=WIDE)

    assert {(event.rule_id, event.state.value) for event in result.events} == {
        (rule_id, state) for rule_id in ("deep", "sprung", "hush") for state in ("raised", "cleared")
    }
    assert result.summary()["quarantined_by_reason"] == {"bad_value": 1, "unknown_device": 1}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_split_doubled_and_shuffled_input_gives_the_same_bytes(data: st.DataObject, tmp_path: Path) -> None:
    plain = as_bytes(backtest(tmp_path, *WINTER, site=SITE, header=WIDE), SITE, tmp_path)
    doubled = [*WINTER, *data.draw(st.lists(st.sampled_from(WINTER), max_size=40))]
    lines = data.draw(st.permutations(doubled))
    cut = data.draw(st.integers(0, len(lines)))
    parts = [
        written(tmp_path / f"{name}.csv", *part, header=WIDE) for name, part in (("b", lines[:cut]), ("a", lines[cut:]))
    ]

    assert as_bytes(run_backtest(SITE, parts), SITE, tmp_path) == plain


def test_a_compressed_file_with_byte_order_mark_gives_the_same_bytes(tmp_path: Path) -> None:
    plain = as_bytes(backtest(tmp_path, *WINTER, site=SITE, header=WIDE), SITE, tmp_path)
    path = tmp_path / "in.csv.gz"
    path.write_bytes(gzip.compress("\r\n".join((f"\ufeff{WIDE}", *WINTER)).encode()))

    assert as_bytes(run_backtest(SITE, [path]), SITE, tmp_path) == plain
