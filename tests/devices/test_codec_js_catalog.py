"""A site's own codecs as device models: pinned, tested by their own examples, whole or not there."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from devices.codec_catalog import files_in, install_codec, load_codecs, try_codec
from devices.codec_examples import read_examples
from devices.codec_js import INSTALL, CodecWorker
from devices.model import Decoded, DeviceSpec, PermanentError
from tests.devices.codecs import EXAMPLE, FIELDS, THERMOMETER, head, put
from tests.devices.frames import frame


@pytest.fixture
def spec(tmp_path: Path) -> DeviceSpec:
    put(tmp_path / "codecs" / "acme_th_js")
    return load_codecs(tmp_path / "codecs")["acme_th_js"]


def test_a_codec_is_a_model_like_those_of_the_catalogue(spec: DeviceSpec) -> None:
    assert (spec.model, spec.vendor, spec.transport, spec.default_port) == ("acme_th_js", "Acme", "lorawan", 7)
    assert spec.quantities == ("air_temperature", "relative_humidity", "contact_open")
    assert spec.expected_interval_s == 600
    assert spec.decode(frame(spec, "ffce3200")) == Decoded(
        values={"air_temperature": -5.0, "relative_humidity": 50.0, "contact_open": 0.0}
    )


@pytest.mark.bad_input(48, 49)
@pytest.mark.parametrize(
    ("payload", "port", "told"),
    [
        ("ffce3200", 8, "FPort 8"),
        ("ffce3200", 0, "FPort 0"),
        ("ffce3200", 224, "FPort 224"),
        ("", 7, "empty"),
        ("ffce32", 7, "3 bytes"),
    ],
)
def test_what_the_codec_must_not_see_is_an_error(spec: DeviceSpec, payload: str, port: int, told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        spec.decode(frame(spec, payload, port=port))


def test_it_cannot_be_simulated(spec: DeviceSpec) -> None:
    with pytest.raises(PermanentError, match=r"acme_th_js .* cannot be simulated"):
        spec.encode(Decoded(values={"air_temperature": 1.0}))


def test_empty_data_is_no_observation(tmp_path: Path) -> None:
    source = "function decodeUplink(i) { return {data: i.bytes[0] ? {t: i.bytes[0]} : {}}; }"
    fields = head(source) + '[fields.t]\nquantity = "air_temperature"'
    put(tmp_path / "a", source=source, mapping=fields, examples=[{"bytes": "01000000", "fPort": 7, "data": {"t": 1}}])
    spec = load_codecs(tmp_path)["acme_th_js"]
    assert spec.decode(frame(spec, "00000000")).values == {}


@pytest.mark.bad_input(55)
def test_a_codec_that_changed_is_refused_until_somebody_has_looked(tmp_path: Path) -> None:
    files = put(tmp_path / "a")
    files.codec.write_text(THERMOMETER.replace("temperature:", "temp:"), encoding="utf-8")
    with pytest.raises(PermanentError, match="look what changed"):
        load_codecs(tmp_path)


@pytest.mark.bad_input(55)
def test_a_renamed_field_fails_the_examples_although_the_pin_was_changed(tmp_path: Path) -> None:
    renamed = THERMOMETER.replace("temperature:", "temp:")
    put(tmp_path / "a", source=renamed)
    with pytest.raises(PermanentError, match=r"fails its own examples.*data\.sensor.temp is -5"):
        load_codecs(tmp_path)


WRONG = {**EXAMPLE, "data": {"sensor": {"temperature": 5}}}


def test_override_loads_a_codec_that_fails_its_examples(tmp_path: Path) -> None:
    put(tmp_path / "a", mapping="override = true\n" + head() + FIELDS, examples=[EXAMPLE, WRONG])
    spec = load_codecs(tmp_path)["acme_th_js"]
    assert spec.decode(frame(spec, "ffce3200")).values["air_temperature"] == -5.0


@pytest.mark.parametrize("examples", [[], [{"bytes": "01", "fPort": 7, "fails": True}]])
def test_a_codec_without_an_example_is_not_taken_on_trust(tmp_path: Path, examples: list[Any]) -> None:
    put(tmp_path / "a", examples=examples)
    with pytest.raises(PermanentError, match="no example with data"):
        load_codecs(tmp_path)


def test_the_forms_of_examples_that_vendors_publish_are_read(tmp_path: Path) -> None:
    given = {"bytes": [255, 206, 50, 1], "fPort": 7, "recvTime": "2026-01-02T03:04:05+09:00"}
    entries = [
        EXAMPLE,
        {"type": "uplink", "input": given, "output": {"data": EXAMPLE["data"], "errors": [], "warnings": []}},
        {"name": "x", "input": given, "expected": {"data": EXAMPLE["data"]}},
        {"type": "downlink-encode", "input": {"data": {}}, "output": {"bytes": [1]}},
        {"input": {"bytes": [1], "fPort": 7}, "output": {"errors": ["short"]}},
    ]
    files = put(tmp_path / "a", examples=entries)
    with CodecWorker() as worker:
        trial = try_codec(files, worker)
    assert trial.examples == 4
    assert trial.failing == ()
    assert trial.unmapped == ("firmware",)
    assert read_examples(files.examples)[1].job.received_ns == 1_767_290_645_000_000_000


@pytest.mark.parametrize(
    ("wanted", "is_right"),
    [(-5, True), (-5.000001, True), (-5.01, False), ("-5", False), (None, False), (True, False)],
)
def test_numbers_may_differ_in_the_sixth_digit_only(tmp_path: Path, wanted: Any, is_right: bool) -> None:
    data = {**EXAMPLE["data"], "sensor": {"temperature": wanted, "humidity": 50}}
    files = put(tmp_path / "a", mapping="override = true\n" + head() + FIELDS, examples=[{**EXAMPLE, "data": data}])
    with CodecWorker() as worker:
        assert (try_codec(files, worker).failing == ()) == is_right


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"bytes": "01", "fPort": 7},
        {"bytes": "0", "fPort": 7, "data": {"a": 1}},
        {"bytes": [256], "fPort": 7, "data": {"a": 1}},
        {"bytes": 5, "fPort": 7, "data": {"a": 1}},
        {"bytes": "01", "fPort": "7", "data": {"a": 1}},
        {"bytes": "01", "fPort": True, "data": {"a": 1}},
        {"bytes": "01", "fPort": 7, "data": [1]},
        {"bytes": "01", "fPort": 7, "data": {"a": 1}, "fails": True},
        {"bytes": "01", "fPort": 7, "data": {"a": 1}, "recvTime": "yesterday"},
        {"bytes": "01", "fPort": 7, "data": {"a": 1}, "recvTime": "2026-01-02T03:04:05"},
        {"bytes": "01", "fPort": 7, "data": {"a": 1}, "variables": ["x"]},
        {"input": 1, "output": {}},
    ],
)
def test_a_wrong_example_is_named(tmp_path: Path, entry: Any) -> None:
    files = put(tmp_path / "a", examples=[entry])
    with pytest.raises(PermanentError, match=r"examples\.json"):
        read_examples(files.examples)


@pytest.mark.parametrize("text", ["", "{}", "[", "[" * 100_000, "\ufeff\ufeff"])
def test_a_file_that_is_no_list_of_examples_is_named(tmp_path: Path, text: str) -> None:
    files = put(tmp_path / "a")
    files.examples.write_text(text, encoding="utf-8")
    with pytest.raises(PermanentError, match=r"examples\.json"):
        read_examples(files.examples)


def test_all_that_is_wrong_in_a_folder_is_said_at_once(tmp_path: Path) -> None:
    put(tmp_path / "a")
    put(tmp_path / "b")
    put(tmp_path / "c", mapping=head(model="milesight_em300_mcs") + FIELDS)
    put(tmp_path / "d", mapping="nothing")
    (tmp_path / "e").mkdir()
    (tmp_path / ".half").mkdir()
    (tmp_path / "README.txt").write_text("x", encoding="utf-8")
    with pytest.raises(PermanentError) as caught:
        load_codecs(tmp_path)
    told = str(caught.value).splitlines()
    words = ("given twice", "one of the catalogue", "no TOML", "e/")
    assert [sum(word in line for line in told) for word in words] == [1, 1, 1, 1]
    assert len(told) == 4


def test_without_the_engine_no_codec_is_loaded_not_even_by_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a", mapping="override = true\n" + head() + FIELDS)
    monkeypatch.setattr("devices.codec_js.importlib.util.find_spec", lambda name: None)
    with pytest.raises(PermanentError) as caught:
        load_codecs(tmp_path)
    assert str(caught.value) == INSTALL


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="none does not exist"):
        load_codecs(tmp_path / "none")


def test_a_codec_is_installed_whole(tmp_path: Path) -> None:
    files = put(tmp_path / "given")
    folder = tmp_path / "codecs"
    assert install_codec(files, folder, "acme_th_js") == folder / "acme_th_js"
    assert sorted(path.name for path in folder.iterdir()) == ["acme_th_js"]
    assert set(load_codecs(folder)) == {"acme_th_js"}


def test_a_codec_that_is_there_is_replaced_only_when_told(tmp_path: Path) -> None:
    files = put(tmp_path / "given")
    install_codec(files, tmp_path / "codecs", "acme_th_js")
    newer = put(tmp_path / "newer", source=THERMOMETER + "// 2\n", mapping=head(THERMOMETER + "// 2\n") + FIELDS)
    with pytest.raises(PermanentError, match="--replace"):
        install_codec(newer, tmp_path / "codecs", "acme_th_js")
    install_codec(newer, tmp_path / "codecs", "acme_th_js", is_replaced=True)
    installed = files_in(tmp_path / "codecs" / "acme_th_js")
    assert installed.codec.read_text(encoding="utf-8").endswith("// 2\n")
    assert sorted(path.name for path in (tmp_path / "codecs").iterdir()) == ["acme_th_js"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    files = put(tmp_path / "given")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(PermanentError, match="cannot be written"):
        install_codec(files, tmp_path / "file" / "codecs", "acme_th_js")


def test_values_that_the_codec_leaves_undefined_are_bad(tmp_path: Path) -> None:
    source = "function decodeUplink(i) { return {data: {t: i.bytes[4] / 2}}; }"
    fields = head(source) + '[fields.t]\nquantity = "air_temperature"'
    put(tmp_path / "a", source=source, mapping=fields, examples=[{"bytes": "0000000004", "fPort": 7, "data": {"t": 2}}])
    spec = load_codecs(tmp_path)["acme_th_js"]
    assert math.isnan(spec.decode(frame(spec, "00000000")).values["air_temperature"])
