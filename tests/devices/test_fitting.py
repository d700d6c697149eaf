"""Models as a site's options want them, and what a wrong option says."""

from __future__ import annotations

import pytest

from devices.fitting import catalog_of, fit_device, fit_devices, fit_uplink
from devices.model import PermanentError
from devices.registry import load_catalog, load_uplinks
from devices.site import Device, Site, Source

CATALOG = load_catalog()


def device(model: str, **more: object) -> Device:
    return Device.model_validate({"id": "d", "name": "D", "model": model, "station": "s", **more})


def site(**more: object) -> Site:
    return Site.model_validate({"version": 1, "town": {"id": "t", "name": "T"}, **more})


def test_options_reach_the_model() -> None:
    spec = CATALOG["maxbotix_mb7374"]
    assert spec.gathering is not None
    assert fit_device(spec, device("maxbotix_mb7374", options={"frames_per_reading": 1})).gathering is None


def test_a_slow_poll_is_not_silence() -> None:
    spec = CATALOG["campbell_sr50a_sdi12"]
    slow = fit_device(spec, device(spec.model, poll_interval_s=7200.5))
    assert slow.polling is not None
    assert slow.polling.interval_s == 7200.5
    assert slow.expected_interval_s == 7201
    assert fit_device(spec, device(spec.model)).expected_interval_s == spec.expected_interval_s


@pytest.mark.parametrize(
    ("model", "more", "said"),
    [
        ("aqara_mccgq11lm", {"options": {"x": 1, "a": 2}}, "model aqara_mccgq11lm has no options, but a, x is given"),
        ("aqara_mccgq11lm", {"poll_interval_s": 5}, "model aqara_mccgq11lm is not polled"),
        ("maxbotix_mb7374", {"options": {"frames": 1}}, "frames"),
    ],
)
def test_what_does_not_fit_is_said(model: str, more: dict[str, object], said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        fit_device(CATALOG[model], device(model, **more))


def test_each_device_has_its_own_spec_and_unknown_models_none() -> None:
    gauges = [
        {"id": "a", "name": "A", "model": "maxbotix_mb7374", "station": "s", "options": {"frames_per_reading": 1}},
        {"id": "b", "name": "B", "model": "maxbotix_mb7374", "station": "s"},
        {"id": "c", "name": "C", "model": "nothing", "station": "s"},
    ]
    fitted = fit_devices(site(device=gauges))
    assert set(fitted) == {"a", "b"}
    assert (fitted["a"].gathering is None, fitted["b"].gathering is None) == (True, False)


def test_a_site_without_codecs_has_the_catalogue() -> None:
    assert catalog_of(site()) is CATALOG


def test_an_uplink_without_options_is_the_plugin_itself() -> None:
    assert fit_uplink(Source(kind="mqtt", uplink="zigbee2mqtt")).name == "zigbee2mqtt"
    assert "zigbee2mqtt" in load_uplinks()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source(kind="mqtt", uplink="nothing"), "uplink 'nothing' is unknown"),
        (Source(kind="mqtt", uplink="chirpstack_v4", options={"x": 1}), "uplink chirpstack_v4 has no options"),
    ],
)
def test_an_uplink_that_does_not_fit_is_said(source: Source, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        fit_uplink(source)
