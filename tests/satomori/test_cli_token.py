from __future__ import annotations

import hashlib
import re

import pytest
import typer
from typer.testing import CliRunner

from devices.site import PushToken
from satomori.cli_token import fresh_token, token

app = typer.Typer()
app.command()(token)


def test_it_prints_a_token_once_and_the_lines_for_the_site() -> None:
    said = CliRunner().invoke(app, ["switchbot cloud", "--device", "door-1", "--device", "door-2"]).output
    (secret,) = re.findall(r"^  ([A-Za-z0-9_-]{32})$", said, re.MULTILINE)
    assert said.count(secret) == 1
    assert f'sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"' in said
    assert 'name = "switchbot cloud"' in said
    assert 'devices = ["door-1", "door-2"]' in said


def test_every_token_is_another_and_fits_the_site() -> None:
    made = [fresh_token() for _ in range(100)]
    assert len({secret for secret, _ in made}) == 100
    assert PushToken(name="x", sha256=made[0][1]).sha256 == made[0][1]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_name_is_needed(name: str) -> None:
    assert CliRunner().invoke(app, [name]).exit_code != 0
