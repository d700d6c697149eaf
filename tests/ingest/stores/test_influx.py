"""What goes over the wire to InfluxDB, and what each answer of the server is taken for."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest.store_model import (
    WITHDRAWN,
    HistoryQuery,
    Points,
    PointsRefusedError,
    SeriesKey,
    StoreAwayError,
    Written,
    load_stores,
)
from ingest.stores.influx import STORE, InfluxParams, InfluxStore, flux_of
from tests.ingest.stores.fault_server import ACCEPT, Answer, FaultServer, fault_server
from tests.support import free_port

KEY = SeriesKey(device_id="snow-01", station="pass", quantity="snow_depth")
T_NS = 1_767_225_600_000_000_001
TOO_OLD = '{"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=2"}'  # noqa: E501
CONFLICT = '{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict: input field \\"value\\" on measurement \\"observation\\" is type float, already exists as type string dropped=1"}'  # noqa: E501


def points(*rows: tuple[float, int], key: SeriesKey = KEY) -> Points:
    return Points(
        series=(key,),
        place=[0] * len(rows),
        observed_ns=[T_NS + i for i in range(len(rows))],
        value=[value for value, _ in rows],
        flag=[flag for _, flag in rows],
    )


def store_at(url: str, **more: object) -> InfluxStore:
    return InfluxStore(InfluxParams.model_validate({"url": url, "bucket": "b", "org": "o", **more}))


def lines(given_points: Points) -> list[str]:
    return store_at("http://127.0.0.1:1").body_of(given_points).decode().split("\n")


def test_both_stores_are_found() -> None:
    assert set(load_stores()) == {"influx", "journal"}
    assert load_stores()["journal"].build(None) is None


def test_a_point_is_one_line() -> None:
    assert lines(points((1.25, 1))) == [
        f"observation,device=snow-01,quantity=snow_depth,station=pass value=1.25,flag=1i,bad=f {T_NS}"
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_value(value: float) -> None:
    assert lines(points((value, 9)))[0].split(" ")[1] == "flag=9i,bad=t"


def test_points_with_and_without_a_value_stand_side_by_side() -> None:
    fields = [line.split(" ")[1] for line in lines(points((1.5, 1), (math.nan, 9), (-0.0, 3), (math.inf, 4), (2.0, 1)))]
    assert fields == [
        "value=1.5,flag=1i,bad=f", "flag=9i,bad=t", "value=-0.0,flag=3i,bad=f", "flag=4i,bad=t",
        "value=2.0,flag=1i,bad=f",
    ]  # fmt: skip
    assert lines(points()) == [""]


def test_a_withdrawn_point_is_overwritten() -> None:
    assert lines(points((math.nan, WITHDRAWN)))[0].split(" ")[1] == "flag=0i,bad=t"


def test_no_station_no_tag() -> None:
    key = SeriesKey(device_id="gw", station="", quantity="heartbeat")
    assert lines(points((1.0, 1), key=key))[0].startswith("observation,device=gw,quantity=heartbeat value")


@given(name=st.text(min_size=1), value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_name_stays_in_its_line(name: str, value: float) -> None:
    key = SeriesKey(device_id=name, station=name, quantity="q")
    (line,) = lines(points((value, 1), (value, 1), key=key))[:1]
    unescaped = line.replace("\\ ", "_").replace("\\,", "_").replace("\\=", "_")
    tags, fields, time_ns = unescaped.split(" ")
    assert len(tags.split(",")) == 4
    assert all(part.count("=") == 1 and not part.endswith("=") for part in tags.split(",")[1:])
    assert float(fields.split(",")[0].removeprefix("value=")) == value
    assert int(time_ns) == T_NS
    assert not any(part.endswith("\\") for part in tags.split(","))


def test_a_write_is_gzip_with_nanoseconds_and_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with fault_server() as server:
        assert store_at(server.url, token_file=str(token)).write(points((1.0, 1), (2.0, 1))) == Written(accepted=2)
        path, headers = server.requests[0]
    assert path == "/api/v2/write?org=o&bucket=b&precision=ns"
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Authorization"] == "Token s3cret"
    assert len(server.stored) == 2


def test_without_token_file_no_token_is_sent() -> None:
    with fault_server() as server:
        store_at(server.url).write(points((1.0, 1)))
    assert "Authorization" not in server.requests[0][1]


@pytest.mark.parametrize("content", [None, "", "two\nlines", "日本"])
def test_a_token_file_without_token_waits(tmp_path: Path, content: str | None) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content, encoding="utf-8")
    with fault_server() as server:
        store = store_at(server.url, token_file=str(token))
        with pytest.raises(StoreAwayError):
            store.write(points((1.0, 1)))
        token.write_text("good")
        assert store.write(points((1.0, 1))).accepted == 1


def answering(answer: Answer) -> tuple[Written | Exception, FaultServer]:
    with fault_server(lambda _: answer) as server:
        try:
            return store_at(server.url, timeout_s=0.3).write(points((1.0, 1), (2.0, 1), (3.0, 1))), server
        except (StoreAwayError, PointsRefusedError) as error:
            return error, server


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refused_points(status: int) -> None:
    outcome, _ = answering(Answer(status=status, body=CONFLICT))
    assert isinstance(outcome, PointsRefusedError)
    assert "field type conflict" in str(outcome)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 408, 429, 500, 502, 503, 504])
@pytest.mark.lesson(51)
def test_a_server_that_cannot_now(status: int) -> None:
    outcome, server = answering(Answer(status=status, headers={"Location": "http://127.0.0.1:1/"}))
    assert isinstance(outcome, StoreAwayError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [Answer(wait_s=5.0), Answer(drops=True), Answer(status=500, body="\ufffd" * 9)])
def test_a_server_that_does_not_answer(answer: Answer) -> None:
    outcome, server = answering(answer)
    assert isinstance(outcome, StoreAwayError)
    assert len(server.requests) == 1


def test_nobody_listens() -> None:
    with pytest.raises(StoreAwayError):
        store_at(f"http://127.0.0.1:{free_port()}").write(points((1.0, 1)))


@pytest.mark.lesson(55)
def test_points_beyond_retention_are_counted_and_not_refused() -> None:
    outcome, server = answering(Answer(status=422, body=TOO_OLD))
    assert outcome == Written(accepted=1, too_old=2)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "999999"}, 3_600.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    outcome, _ = answering(Answer(status=429, headers=headers))
    assert isinstance(outcome, StoreAwayError)
    assert outcome.retry_after_s == wait_s


def test_a_date_to_wait_for_is_read_by_the_clock_of_the_server() -> None:
    later = datetime.now(UTC) + timedelta(seconds=30)  # noqa: TID251 - the server of the test has the real time
    outcome, _ = answering(Answer(status=503, headers={"Retry-After": format_datetime(later, usegmt=True)}))
    assert isinstance(outcome, StoreAwayError)
    assert outcome.retry_after_s == pytest.approx(30, abs=3)


def test_the_answer_of_a_fault_names_no_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    with fault_server(lambda _: Answer(status=401)) as server, pytest.raises(StoreAwayError) as caught:
        store_at(server.url, token_file=str(tmp_path / "token")).write(points((1.0, 1)))
    assert "s3cret" not in str(caught.value)


def test_a_fault_heals() -> None:
    answers = iter([Answer(status=503), Answer(drops=True), ACCEPT])
    with fault_server(lambda _: next(answers)) as server:
        store = store_at(server.url)
        for _ in range(2):
            with pytest.raises(StoreAwayError):
                store.write(points((1.0, 1)))
        assert store.write(points((1.0, 1))).accepted == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "influx:8086"},
        {"url": "http://user:secret@host"},
        {"bucket": ""},
        {"batch_points": 0},
        {"timeout_s": 0},
        {"measurement": "a b"},
        {"token": "s3cret"},
    ],
)
def test_wrong_parameters(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InfluxParams.model_validate({"url": "http://h", "bucket": "b"} | wrong)


CSV = (
    "#datatype,string,long,long,long,long,double,double,double,long\r\n"
    "#group,false,false,true,false,false,false,false,false,false\r\n"
    "#default,_result,,,,,,,,\r\n"
    ",result,table,part,first,last,least,most,sum,count\r\n"
    ",,0,1,150,190,3,4,7,2\r\n"
    ",,1,0,100,140,1,2,4.5,3\r\n\r\n"
)
QUERY = HistoryQuery(device_id='a"b', quantity="snow_depth", from_ns=100, to_ns=200, points=2)


def test_history_is_asked_in_flux() -> None:
    with fault_server() as server:
        server.query_answer = Answer(status=200, body=CSV, headers={"Content-Type": "text/csv"})
        rows = store_at(server.url).history(QUERY)
    assert [(row.start_ns, row.end_ns, row.min, row.max, row.mean, row.count) for row in rows] == [
        (100, 140, 1.0, 2.0, 1.5, 3),
        (150, 190, 3.0, 4.0, 3.5, 2),
    ]
    assert "from(bucket:" in server.queries[0]


def test_flux_names_the_series_and_nothing_more() -> None:
    text = flux_of(QUERY, params=InfluxParams(url="http://h", bucket='b"${x}\\'))
    assert 'from(bucket: "b\\"\\${x}\\\\")' in text
    assert 'r.device == "a\\"b"' in text
    assert "range(start: time(v: 100), stop: time(v: 200))" in text
    assert "- 100) / 50" in text


def test_an_empty_span_asks_nobody() -> None:
    empty = HistoryQuery(device_id="a", quantity="q", from_ns=2, to_ns=2, points=5)
    assert store_at("http://127.0.0.1:1").history(empty) == []


@pytest.mark.parametrize("body", ["<html>", "#datatype,string\n,a\n,", ""])
def test_an_answer_that_is_no_history(body: str) -> None:
    with fault_server() as server:
        server.query_answer = Answer(status=503, body=body)
        with pytest.raises(StoreAwayError):
            store_at(server.url).history(QUERY)


def test_ping() -> None:
    store = STORE.build(InfluxParams(url=f"http://127.0.0.1:{free_port()}", bucket="b"))
    assert store is not None
    assert not store.is_answering()
    with fault_server() as server:
        assert store_at(server.url).is_answering()
