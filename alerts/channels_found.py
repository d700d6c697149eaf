"""The ways of telling that are there: every file in `alerts/channels/`."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.model import ChannelSpec
from devices.registry import load_plugins


def load_channels() -> Mapping[str, ChannelSpec]:
    """Return all channels by name."""
    return load_plugins("alerts.channels", constant="CHANNEL", spec_type=ChannelSpec, name_of=lambda spec: spec.name)
