"""Which broker runs, and that its generated configuration is one that mosquitto takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from satomori.broker import find_mosquitto, prepare_broker
from satomori.supervise import Service, Supervisor, free_port, wait_for_port


def test_without_mosquitto_amqtt_is_taken_and_says_so(tmp_path: Path) -> None:
    command = prepare_broker(data_dir=tmp_path, port=free_port(), mosquitto=None)
    assert command.kind == "amqtt"
    assert json.loads((tmp_path / "broker.json").read_text(encoding="utf-8"))["kind"] == "amqtt"


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_the_broker_serves_on_loopback_only(tmp_path: Path, kind: str) -> None:
    mosquitto = find_mosquitto()
    assert mosquitto is not None, "mosquitto is not installed"
    port = free_port()
    command = prepare_broker(data_dir=tmp_path, port=port, mosquitto=mosquitto if kind == "mosquitto" else None)
    service = Service(name="broker", argv=command.argv, listens_on=port)
    supervisor = Supervisor(services=[service], log_dir=tmp_path / "log", tell=lambda _: None)
    supervisor.start()
    try:
        assert wait_for_port(port, timeout_s=10.0), (tmp_path / "log" / "broker.log").read_text(encoding="utf-8")
        listening = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=True).stdout
        addresses = {line.split()[3] for line in listening.splitlines() if line.split()[3].endswith(f":{port}")}
        assert addresses == {f"127.0.0.1:{port}"}
    finally:
        supervisor.stop()
