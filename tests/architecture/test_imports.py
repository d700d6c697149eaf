"""The import rules of pyproject.toml hold, and each of them can be broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, python_files
from tests.conftest import ROOMS

# What each contract forbids: (name of the contract, file, what it must not import).
FORBIDDEN = (
    ("The shelves: import downward only", "gateway/spool.py", "ingest"),
    ("serial only in gateway and firmware_sim", "ingest/consume.py", "serial"),
    ("paho only in devices.link and the simulator's device clients", "devices/senml.py", "paho.mqtt.client"),
    ("numpy imported directly only in ingest", "alerts/quota.py", "numpy"),
    ("fastapi only in api", "alerts/dispatch.py", "fastapi"),
    ("influxdb_client only in ingest.stores.influx", "ingest/journal.py", "influxdb_client"),
    ("Device models import no sibling", "devices/catalog/one.py", "devices.catalog.two"),
    ("Uplinks import no sibling", "devices/uplinks/one.py", "devices.uplinks.two"),
    ("Checks import no sibling", "ingest/checks/one.py", "ingest.checks.two"),
    ("Rules import no sibling", "ingest/rules/one.py", "ingest.rules.two"),
    ("Channels import no sibling", "alerts/channels/one.py", "alerts.channels.two"),
)

ALLOWED = (
    ("devices/link.py", "paho.mqtt.client"),
    ("devices/link_bulk.py", "paho.mqtt.client"),
    ("gateway/uplink.py", "devices.link"),
    ("gateway/sources/serial_port.py", "serial"),
    ("firmware_sim/send.py", "paho.mqtt.client"),
    ("ingest/stores/influx.py", "influxdb_client"),
    ("alerts/store.py", "ingest.journal"),
)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def plant_house(folder: Path) -> None:
    """Set up the empty rooms and our contracts in another folder."""
    for path in python_files(below=ROOMS):
        if path.endswith("/__init__.py"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for kind in ("devices/catalog", "devices/uplinks", "ingest/checks", "ingest/rules", "alerts/channels"):
        (folder / kind / "two.py").touch()


def plant_import(folder: Path, path: str, *, module: str) -> None:
    with (folder / path).open("a", encoding="utf-8") as file:
        file.write(f"import {module}\n")


@pytest.fixture(scope="module")
def verdict_on_broken_house(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("broken")
    plant_house(folder)
    for _, path, module in FORBIDDEN:
        plant_import(folder, path, module=module)
    return lint_imports(folder).stdout


def test_the_import_rules_hold() -> None:
    verdict = lint_imports(ROOT)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.parametrize("contract", [row[0] for row in FORBIDDEN])
def test_a_broken_import_rule_is_found(contract: str, verdict_on_broken_house: str) -> None:
    assert f"{contract} BROKEN" in verdict_on_broken_house


def test_what_the_architecture_allows_is_allowed(tmp_path: Path) -> None:
    plant_house(tmp_path)
    (tmp_path / "ingest/journal.py").touch()
    for path, module in ALLOWED:
        plant_import(tmp_path, path, module=module)
    verdict = lint_imports(tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
