"""Health for people and monitors: heartbeats in real seconds, gateways listed, figures for Prometheus."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.health import Moment, disk_part, gateway_part, heartbeat_part
from devices.clock import start_clock
from devices.model import SECOND_NS, TransientError
from devices.site import Gateway
from tests.api.world import World, an_alert

NOW_NS = 1_800_000_000 * SECOND_NS


@pytest.mark.parametrize("speed", [1.0, 3600.0])
@pytest.mark.parametrize(
    ("real_age_s", "state"),
    [(0.0, "ok"), (9.0, "ok"), (11.0, "late"), (59.0, "late"), (61.0, "unknown"), (-61.0, "fault")],
)
def test_heartbeats_are_judged_in_real_seconds(speed: float, real_age_s: float, state: str) -> None:
    heartbeat_ns = NOW_NS - int(real_age_s * speed) * SECOND_NS
    part = heartbeat_part("ingest", lambda: heartbeat_ns, Moment(now_ns=NOW_NS, speed=speed))
    assert part.state == state
    assert bool(part.what_to_do_ja) is (state != "ok")
    assert part.since_at is not None


def test_a_service_that_never_spoke_is_unknown() -> None:
    part = heartbeat_part("alerts", lambda: 0, Moment(now_ns=NOW_NS))
    assert (part.state, part.since_at) == ("unknown", None)


def test_a_file_that_cannot_be_read_is_a_fault() -> None:
    def fail() -> int:
        raise TransientError("disk")

    assert heartbeat_part("ingest", fail, Moment(now_ns=NOW_NS)).state == "fault"


def test_a_folder_that_is_gone_is_a_fault(tmp_path: Path) -> None:
    assert disk_part(tmp_path / "gone").state == "fault"
    assert disk_part(tmp_path).state == "ok"


@pytest.mark.parametrize(
    ("heard_ago_s", "speed", "state"),
    [
        (179, 1.0, "ok"),
        (181, 1.0, "unknown"),
        (181, 3600.0, "ok"),
        (3600 * 11, 3600.0, "unknown"),
    ],
    ids=["within", "three missed", "sped up: no real time has passed", "sped up: silent for eleven real seconds"],
)
def test_gateways_are_judged_by_missed_heartbeats(heard_ago_s: int, speed: float, state: str) -> None:
    gateway = Gateway(id="gw", name="gw", heartbeat_interval_s=60)
    part = gateway_part(gateway, NOW_NS - heard_ago_s * SECOND_NS, Moment(now_ns=NOW_NS, speed=speed))
    assert part.state == state


def test_a_gateway_that_never_spoke_is_unknown() -> None:
    assert gateway_part(Gateway(id="gw", name="gw"), 0, Moment(now_ns=NOW_NS)).state == "unknown"


def health(client: TestClient) -> tuple[int, dict[str, Any]]:
    answer = client.get("/health")
    return answer.status_code, answer.json()


def test_all_is_well(world: World, client: TestClient) -> None:
    world.journal.reading("gw-01", "spool_rows", 0.0, observed_ns=world.now_ns())
    status, body = health(client)
    assert (status, body["status"]) == (200, "ok")
    assert {part["part"]: part["state"] for part in body["parts"]} == {"ingest": "ok", "alerts": "ok", "disk": "ok"}
    assert body["gateways"][0]["part"] == "gateway:gw-01"


def test_a_silent_gateway_does_not_turn_the_hub_red(client: TestClient) -> None:
    status, body = health(client)
    assert (status, body["gateways"][0]["state"]) == (200, "unknown")


@pytest.mark.parametrize("service", ["ingest", "alerts"])
def test_a_service_that_stopped_is_found_within_a_minute(world: World, client: TestClient, service: str) -> None:
    old_ns = world.now_ns() - 61 * SECOND_NS
    (world.journal if service == "ingest" else world.alerts).beat(old_ns)
    status, body = health(client)
    assert (status, body["status"]) == (503, "unknown")
    assert [part["part"] for part in body["parts"] if part["state"] != "ok"] == [service]


def test_health_answers_while_the_journal_cannot_be_read(world: World, client: TestClient) -> None:
    world.journal.close()
    for path in world.folder.glob("journal.db*"):
        path.unlink()
    (world.folder / "journal.db").write_bytes(b"x" * 10_000)
    status, body = health(client)
    assert status == 503
    assert body["parts"][0]["state"] == "fault"


def test_a_fast_clock_is_told(tmp_path: Path) -> None:
    world = World(tmp_path, clock=start_clock(town_start_ns=NOW_NS, speed=3600.0))
    world.beat()
    with TestClient(create_app(world.settings), base_url="http://127.0.0.1") as client:
        status, body = health(client)
    world.close()
    assert (status, body["clock_speed"]) == (200, 3600.0)


def test_the_loop_turns(client: TestClient) -> None:
    answer = client.get("/livez")
    assert answer.status_code == 200
    assert answer.json()["is_alive"] is True


def test_a_loop_that_stands_still_is_told(world: World) -> None:
    app = create_app(world.settings)
    app.state.hub.last_turn_s -= 60
    assert TestClient(app, base_url="http://127.0.0.1").get("/livez").status_code == 503


def figures(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_figures_for_prometheus(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=now_ns - 100 * SECOND_NS)
    world.journal.quarantine("wrong_unit", raw=b"", received_ns=now_ns)
    world.alerts.put(an_alert(opened_ns=now_ns))
    found = figures(client)
    assert found['satomori_quarantine_total{reason="wrong_unit"}'] == 1
    assert found['satomori_alerts_open{class="critical"}'] == 1
    assert found['satomori_last_reading_age_seconds{sensor="snow-17"}'] == pytest.approx(100, abs=5)
    assert found['satomori_part_state{part="ingest"}'] == 0
    assert found['satomori_heartbeat_age_seconds{service="alerts"}'] == pytest.approx(0, abs=5)
    assert found["satomori_rss_bytes"] > 1e6
    assert found["satomori_disk_free_bytes"] > 0
    assert found["satomori_stream_clients"] == 0


def test_every_figure_says_what_it_is(client: TestClient) -> None:
    text = client.get("/metrics").text
    named = set(re.findall(r"^(satomori_\w+?)(?:_total)?(?:\{| )", text, re.MULTILINE))
    told = set(re.findall(r"^# HELP (satomori_\w+?)(?:_total)? ", text, re.MULTILINE))
    assert named <= told


def test_figures_stay_on_this_machine(world: World) -> None:
    far = TestClient(create_app(world.settings), base_url="http://127.0.0.1", client=("192.0.2.7", 1))
    assert far.get("/metrics").status_code == 403
