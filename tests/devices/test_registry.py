from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devices.model import PermanentError, UplinkSpec
from devices.registry import load_plugins, load_uplinks

GOOD = """\
from devices.model import UplinkSpec

UPLINK = UplinkSpec(name="{name}", topics=("t",), unwrap=lambda message: (), wrap=lambda envelope: ("t", b""))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package called `networks_under_test`."""
    folder = tmp_path / "networks_under_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("networks_under_test")]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def load() -> list[str]:
    found = load_plugins(
        "networks_under_test", constant="UPLINK", spec_type=UplinkSpec, name_of=lambda spec: spec.name
    )  # fmt: skip
    return list(found)


def test_a_new_file_is_found_without_another_edit(package: Path) -> None:
    (package / "b.py").write_text(GOOD.format(name="second"))
    (package / "a.py").write_text(GOOD.format(name="first"))
    assert load() == ["first", "second"]


def test_a_name_that_stands_twice_is_refused(package: Path) -> None:
    (package / "a.py").write_text(GOOD.format(name="same"))
    (package / "b.py").write_text(GOOD.format(name="same"))
    with pytest.raises(PermanentError, match=r"\.b repeats the name 'same' of networks_under_test\.a"):
        load()


@pytest.mark.parametrize("text", ["", "UPLINK = 5\n", "uplink = None\n"])
def test_a_file_without_its_constant_is_refused(package: Path, text: str) -> None:
    (package / "a.py").write_text(text)
    with pytest.raises(PermanentError, match=r"networks_under_test\.a must define UPLINK = UplinkSpec"):
        load()


def test_what_was_found_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        load_uplinks()["x"] = None  # type: ignore[index]
