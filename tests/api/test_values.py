"""Newest values, history, events, quarantine: exact times, null for NaN, bounds, clear refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.times import iso
from devices.model import SECOND_NS
from tests.api.world import Row, World

START_NS = 1_768_424_400_000_000_001
OBSERVATIONS = "/api/v1/series/snow-17/snow_depth/observations"


@pytest.fixture
def recorded(world: World, client: TestClient) -> TestClient:
    world.journal.readings(
        Row(
            device_id="snow-17", quantity="snow_depth", value=i / 100, observed_ns=START_NS + i * 600 * SECOND_NS, seq=i
        )
        for i in range(100)
    )
    return client


def ask(client: TestClient, **query: str | int) -> dict[str, Any]:
    spans = {"from": iso(START_NS), "to": iso(START_NS + 86_400 * SECOND_NS)}
    answer = client.get(OBSERVATIONS, params={**spans, **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_latest_carries_exact_times_and_words(world: World, client: TestClient) -> None:
    world.journal.reading("snow-17", "snow_depth", math.nan, observed_ns=START_NS, flag=9)
    (found,) = client.get("/api/v1/latest").json()["latest"]
    assert found.pop("commit_no") > 0
    assert found == {
        "device_id": "snow-17",
        "quantity": "snow_depth",
        "value": None,
        "unit": "m",
        "flag": "missing",
        "observed_at": "2026-01-14T21:00:00.000000001Z",
        "received_at": "2026-01-14T21:00:00.000000001Z",
        "heard_at": "2026-01-14T21:00:00.000000001Z",
    }


def test_latest_of_one_device(world: World, client: TestClient) -> None:
    for device_id in ("snow-17", "snow-pass"):
        world.journal.reading(device_id, "snow_depth", 1.0, observed_ns=START_NS)
    found = client.get("/api/v1/latest", params={"device_id": "snow-pass"}).json()["latest"]
    assert [row["device_id"] for row in found] == ["snow-pass"]


def test_series_say_where_they_belong(recorded: TestClient) -> None:
    (found,) = recorded.get("/api/v1/series").json()["series"]
    assert (found["station_name"], found["unit"], found["domain"]) == ("国道17号 三俣", "m", "snow")


def test_observations_come_oldest_first(recorded: TestClient) -> None:
    rows = ask(recorded)["observations"]
    assert [row["seq"] for row in rows] == list(range(100))
    assert rows[3]["observed_at"] == "2026-01-14T21:30:00.000000001Z"


def test_pages_of_observations_join_without_loss(recorded: TestClient) -> None:
    seen: list[int] = []
    body = ask(recorded, limit=30)
    while body["next_from"]:
        seen += [row["seq"] for row in body["observations"]]
        body = ask(recorded, limit=30, **{"from": body["next_from"]})
    seen += [row["seq"] for row in body["observations"]]
    assert sorted(set(seen)) == list(range(100))


def test_the_end_of_a_span_is_not_in_it(recorded: TestClient) -> None:
    body = ask(recorded, to=iso(START_NS + 1200 * SECOND_NS))
    assert [row["seq"] for row in body["observations"]] == [0, 1]


def test_points_are_buckets_of_min_max_mean(recorded: TestClient) -> None:
    points = ask(recorded, points=24)["points"]
    assert len(points) == 17
    assert (points[0]["min"], points[0]["max"], points[0]["count"]) == (0.0, 0.05, 6)
    assert points[0]["mean"] == pytest.approx(0.025)


def test_times_may_carry_an_offset(recorded: TestClient) -> None:
    body = ask(recorded, **{"from": "2026-01-15T06:30:00+09:00", "to": "2026-01-15T07:00:00+09:00"})
    assert [row["seq"] for row in body["observations"]] == [3, 4, 5]


def test_empty_parameters_mean_the_default(world: World, client: TestClient) -> None:
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns())
    answer = client.get(f"{OBSERVATIONS}?from=&to=&points=")
    assert [row["value"] for row in answer.json()["observations"]] == [1.0]


def test_a_known_series_without_data_is_empty(client: TestClient) -> None:
    assert client.get(OBSERVATIONS).json()["observations"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/series/nobody/snow_depth/observations", 404),
        ("/api/v1/series/snow-17/mood/observations", 404),
        (f"{OBSERVATIONS}?from=yesterday", 422),
        (f"{OBSERVATIONS}?to=9999-12-31T00:00:00Z", 422),
        (f"{OBSERVATIONS}?from=2026-01-02&to=2026-01-01", 422),
        (f"{OBSERVATIONS}?points=0", 422),
        (f"{OBSERVATIONS}?points=5001", 422),
        (f"{OBSERVATIONS}?points=many", 422),
        (f"{OBSERVATIONS}?points=-3", 422),
        (f"{OBSERVATIONS}?limit=10001", 422),
        (f"{OBSERVATIONS}?limit=0", 422),
        ("/api/v1/latest?limit=99999999999999999999999", 422),
        ("/api/v1/latest?offset=-1", 422),
        ("/api/v1/latest?device_id=" + "x" * 101, 422),
        ("/api/v1/stations?domain=space", 422),
        ("/api/v1/events?from=%00", 422),
        ("/api/v1/events?limit=ten", 422),
        ("/api/v1/quarantine?limit=1001", 422),
        ("/api/v1/alerts?state=gone", 422),
        ("/api/v1/alerts/" + "x" * 101, 422),
        ("/api/v1/alerts/none", 404),
        ("/api/v1/nothing", 404),
        ("/web/../app.py", 404),
        ("/web/%2e%2e/app.py", 404),
    ],
)
def test_bad_questions_get_a_clear_answer(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["detail"]


def test_events_newest_first_with_their_station(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    world.journal.event("snow-17", observed_ns=now_ns - 2 * SECOND_NS)
    world.journal.event("snow-pass", observed_ns=now_ns - SECOND_NS)
    found = client.get("/api/v1/events").json()["events"]
    assert [(row["subject"], row["station_id"]) for row in found] == [("snow-pass", "pass"), ("snow-17", "road-17")]
    assert (found[0]["state"], found[0]["severity"], found[0]["limit"]) == ("raised", "critical", None)


def test_events_of_one_subject_and_span(world: World, client: TestClient) -> None:
    world.journal.event("snow-17", observed_ns=START_NS)
    world.journal.event("snow-pass", observed_ns=START_NS + SECOND_NS)
    span = {"from": iso(START_NS), "to": iso(START_NS + 9 * SECOND_NS)}
    found = client.get("/api/v1/events", params={**span, "subject": "snow-17"}).json()["events"]
    assert [row["observed_at"] for row in found] == [iso(START_NS)]


def test_quarantine_shows_counts_and_raw_bytes_as_hex(world: World, client: TestClient) -> None:
    world.journal.quarantine("undecodable", raw=b"\x00\xff" * 300, received_ns=START_NS)
    world.journal.quarantine("wrong_unit", raw=b"x", received_ns=START_NS + 1)
    world.journal.quarantine("undecodable", raw=b"", received_ns=START_NS + 2)
    body = client.get("/api/v1/quarantine").json()
    assert body["counts"] == {"undecodable": 2, "wrong_unit": 1}
    assert [row["reason"] for row in body["rows"]] == ["undecodable", "wrong_unit", "undecodable"]
    assert (body["rows"][2]["raw_hex"], body["rows"][2]["raw_bytes"]) == ("00ff" * 128, 600)


def test_an_empty_folder_answers_too(world: World, client: TestClient) -> None:
    world.close()
    for name in ("journal.db", "alerts.db"):
        (world.folder / name).unlink()
    for path in ("latest", "series", "events", "alerts", "quarantine", "stations", "devices"):
        assert client.get(f"/api/v1/{path}").status_code == 200, path


def test_a_damaged_journal_is_said_in_words(world: World, client: TestClient) -> None:
    world.journal.close()
    for path in world.folder.glob("journal.db*"):
        path.unlink()
    (world.folder / "journal.db").write_bytes(b"no database at all" * 1000)
    answer = client.get("/api/v1/latest")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "the data cannot be read just now; try again"


def test_openapi_lists_the_stable_paths(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    wanted = {f"/api/v1/{name}" for name in ("stations", "devices", "series", "latest", "alerts", "events")}
    assert wanted <= set(paths)
    assert "/api/v1/series/{device_id}/{quantity}/observations" in paths
    assert client.get("/docs").status_code == 404


def test_the_list_of_the_api_is_served_when_asked_for(world: World) -> None:
    app = create_app(replace(world.settings, has_docs=True))
    assert "docs.js" in TestClient(app, base_url="http://127.0.0.1").get("/docs").text


def test_what_nobody_expected_is_told_without_details(world: World) -> None:
    app = create_app(world.settings)

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret")

    answer = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False).get("/broken")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
