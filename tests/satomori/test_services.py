"""Which processes a town needs, in which order, started how."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from devices.model import PermanentError
from devices.site_file import parse_site
from satomori import broker as broker_module
from satomori.broker import BrokerChoice, choose_broker
from satomori.services import AMQTT_NOTICE, TownOptions, town_services
from satomori.supervise import Service
from tests.satomori.towns import SITE_TOML


def services(tmp_path: Path, *, broker: BrokerChoice = "auto", clock: str = "", notice: str = "") -> list[Service]:
    path = tmp_path / "site.toml"
    text = SITE_TOML.format(broker_port=18830, line=tmp_path / "line")
    options = TownOptions(
        site_path=path, data_dir=tmp_path, api_port=8081, clock_text=clock, broker=broker, notice=notice
    )
    return town_services(parse_site(text), options)


def test_readers_of_a_queue_start_before_its_writers(tmp_path: Path) -> None:
    names = [service.name for service in services(tmp_path)]
    assert names == ["broker", "ingest", "alerts", "api", "gateway-gw-01", "gateway-gw-02"]


def test_only_the_broker_is_waited_for(tmp_path: Path) -> None:
    assert [s.listens_on for s in services(tmp_path)] == [18830, None, None, None, None, None]


def test_each_child_is_this_python_with_site_and_data(tmp_path: Path) -> None:
    common = ("--site", str(tmp_path / "site.toml"), "--data", str(tmp_path))
    assert {s.name: s.argv for s in services(tmp_path, broker="none")} == {
        "ingest": (sys.executable, "-m", "satomori", "ingest", *common),
        "alerts": (sys.executable, "-m", "satomori", "alerts", *common),
        "api": (sys.executable, "-m", "satomori", "api", *common, "--host", "127.0.0.1", "--port", "8081"),
        "gateway-gw-01": (sys.executable, "-m", "satomori", "gateway", *common, "--id", "gw-01"),
        "gateway-gw-02": (sys.executable, "-m", "satomori", "gateway", *common, "--id", "gw-02"),
    }


def test_all_but_the_broker_get_the_same_clock(tmp_path: Path) -> None:
    broker, *rest = services(tmp_path, clock="1:2:3")
    assert "--clock" not in broker.argv
    assert {s.argv[s.argv.index("--clock") + 1] for s in rest} == {"1:2:3"}


def test_the_page_says_that_amqtt_is_no_broker_for_a_town(tmp_path: Path) -> None:
    api = next(s for s in services(tmp_path, broker="amqtt", notice="デモです。") if s.name == "api")
    assert api.argv[api.argv.index("--notice") + 1] == f"デモです。 {AMQTT_NOTICE}"
    assert json.loads((tmp_path / "broker.json").read_text(encoding="utf-8"))["kind"] == "amqtt"


def test_with_mosquitto_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert all("--notice" not in s.argv for s in services(tmp_path))


def test_without_any_broker_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(PermanentError, match="apt install mosquitto"):
        choose_broker("auto")
