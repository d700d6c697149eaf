"""docker-compose.yml and the image: every container healthy by its own word, without root, without secrets in sight."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml
from typer.main import get_command

from satomori.cli import app
from tests.architecture.repository import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("gateway", "ingest", "alerts", "forward", "api")
SECRET_NAME = re.compile(r"pass|token|secret|key|credential", re.IGNORECASE)
PINNED = re.compile(r"^[\w./-]+:\d+\.\d+\.\d+[\w.-]*$")
every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_all_services_are_there() -> None:
    assert set(SERVICES) == {"mosquitto", "influxdb", *OURS}


@every_service
def test_it_is_locked_down(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])


@every_service
def test_it_says_how_it_is(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@every_service
def test_its_image_is_pinned(name: str) -> None:
    assert PINNED.match(SERVICES[name]["image"])


@every_service
def test_no_secret_stands_in_the_environment(name: str) -> None:
    for key in SERVICES[name].get("environment", {}):
        assert not SECRET_NAME.search(key) or key.endswith("_FILE")


@every_service
def test_its_secrets_and_volumes_exist(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
    for volume in service["volumes"]:
        source, _, mode = volume.partition(":")
        assert mode.endswith(":ro") if source.startswith("./") else source in COMPOSE["volumes"]
    assert set(service["networks"]) <= COMPOSE["networks"].keys()


@every_service
def test_no_port_is_open_to_the_outside(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", OURS)
def test_its_commands_exist(name: str) -> None:
    """Every word after the sub-command is an option it has, or an option's value."""
    known: Any = get_command(app)
    for words in (SERVICES[name]["command"], SERVICES[name]["healthcheck"]["test"][2:]):
        command = known.commands[words[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
    assert SERVICES[name]["healthcheck"]["test"][2:4] == ["healthcheck", name]


def test_secrets_come_from_files() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"secrets/", "/secrets/"} & set(ignored)


def test_the_image() -> None:
    lines = [
        line.strip() for line in (ROOT / "docker/Dockerfile").read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    bases = [shlex.split(line)[1] for line in lines if line.startswith("FROM")]
    assert all(PINNED.match(base) for base in bases)
    assert "--require-hashes -r requirements.lock" in " ".join(lines)
    assert next(line for line in reversed(lines) if line.startswith("USER")) == "USER 10001:10001"
    rooms = {line.split()[1] for line in lines if line.startswith("COPY") and len(line.split()) == 3}
    assert rooms >= {"devices", "gateway", "ingest", "alerts", "api", "satomori"}
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert all(f"!{room}" in allowed for room in rooms if not room.startswith("--"))
