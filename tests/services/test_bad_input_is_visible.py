"""Bad input of four kinds, sent to a running town: quarantined, visible in the API, and the good reading stays."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from devices.link import LinkOptions, Publisher
from tests.satomori.test_up import running
from tests.support import wait_until

pytestmark = pytest.mark.services


def messages() -> dict[str, bytes]:
    good = {"bn": "snow-01/", "n": "distance", "u": "cm", "v": 250}
    return {
        "undecodable": b"\xff\xfe{not senml",
        "oversize": json.dumps([good | {"x": "y" * 70_000}]).encode(),
        "wrong_unit": json.dumps([good | {"u": "Cel"}]).encode(),
        "future": json.dumps([good | {"t": 86_400}]).encode(),
        "": json.dumps([good | {"t": 0}]).encode(),
    }


def test_four_kinds_of_bad_input(tmp_path: Path) -> None:
    with running(tmp_path) as town:
        wait_until(lambda: town.health() in ("ok", "unknown", "late"), 30.0, what="health")
        publisher = Publisher(LinkOptions(host="127.0.0.1", port=town.broker_port, client_id="direct"))
        publisher.start()
        wait_until(lambda: publisher.is_connected, 10.0, what="connected")
        assert all(publisher.publish("readings/v1/direct", payload) for payload in messages().values())
        api = f"http://127.0.0.1:{town.port}/api/v1"

        def reasons() -> set[str]:
            return set(httpx.get(f"{api}/quarantine", timeout=5.0).json()["counts"])

        wanted = set(messages()) - {""}
        wait_until(lambda: reasons() >= wanted, 20.0, what="quarantine")

        def distances() -> list[float]:
            latest = httpx.get(f"{api}/latest", timeout=5.0).json()["latest"]
            return [row["value"] for row in latest if row["quantity"] == "distance"]

        wait_until(lambda: distances() == [2.5], 20.0, what="the good one beside them")
        publisher.stop()
