"""Recorded rows become what a device said at one instant."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from devices.model import PermanentError
from firmware_sim.rows import find_input, instant_ns, iso_time, read_utterings

HEADER = "observed_at,device_id,quantity,value,seq\n"


def test_rows_of_one_device_and_instant_are_one_uttering(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    rows = (
        "2026-01-20T00:10:00+00:00,b,distance,2.5,8\n"
        "2026-01-20T09:00:00+09:00,a,occupancy,1,\n"
        "2026-01-20T00:10:00Z,b,battery_voltage,3.6,8\n"
    )
    path.write_bytes(gzip.compress((HEADER + rows).encode()))
    said = read_utterings(path)
    assert [(u.device_id, u.seq, u.values) for u in said] == [
        ("a", None, {"occupancy": 1.0}),
        ("b", 8, {"distance": 2.5, "battery_voltage": 3.6}),
    ]
    assert said[1].observed_ns - said[0].observed_ns == 600_000_000_000


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("2026-01-20T00:10:00,b,distance,2.5,8", "line 2: time '2026-01-20T00:10:00' has no offset"),
        ("2026-01-20T00:10:00Z,b,distance,two,8", "line 2: could not convert string to float: 'two'"),
        ("yesterday,b,distance,2.5,8", "line 2: Invalid isoformat string: 'yesterday'"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, named: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(PermanentError, match=r"^rows\.csv ") as caught:
        read_utterings(path)
    assert str(caught.value) == f"rows.csv {named}"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("observed_at,device_id,value\n", encoding="utf-8")
    with pytest.raises(PermanentError, match="column quantity is missing"):
        read_utterings(path)


def test_an_unknown_input_is_named() -> None:
    with pytest.raises(PermanentError, match="'no-such' is neither a file nor a scene"):
        find_input("no-such")


@pytest.mark.parametrize("text", ["2026-01-20T00:00:00Z", "1969-12-31T23:59:59.000001Z", "2026-01-20T00:00:00.123456Z"])
def test_times_round_trip(text: str) -> None:
    assert instant_ns(iso_time(instant_ns(text))) == instant_ns(text)
