"""ESPHome boards by MQTT: one bare text a topic.

Source: https://esphome.io/components/mqtt.html

    <node>/<component>/<object>/state   the state as text: "23.1", "nan", "ON", "OFF"
    <node>/status                       online or offline; retained
    <node>/debug, …/command             no device data

The object's last state is retained, so after connecting all states come once as history. Option: `prefix`, the levels
in front of the node ("esphome"; none by default).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from devices.model import Envelope, Frame, Options, PermanentError, UplinkMessage, UplinkSpec
from devices.options import read_options

_STATUS = {b"online": 1.0, b"offline": 0.0}
_COMPONENTS = ("sensor", "binary_sensor", "switch", "text_sensor")
_LEVELS = 4


class EspHomeOptions(BaseModel):
    """Options of a source with this uplink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: Annotated[str, Field(pattern=r"^[^#+]{0,100}$")] = ""


def unwrap(message: UplinkMessage, *, prefix: str = "") -> tuple[Envelope, ...]:
    """Return the envelope of a state (`Frame.topic` is "<component>/<object>") or of the node's status.

    None for other topics and for emptied retained ones. Raises PermanentError for a status that is neither online nor
    offline.
    """
    if not message.topic.startswith(prefix) or not message.payload:
        return ()
    levels = message.topic.removeprefix(prefix).split("/")
    node = levels[0]
    frame = Frame(
        gateway_id=message.gateway_id, transport="mqtt", address=node, payload=message.payload,
        received_ns=message.received_ns, topic="/".join(levels[1:-1]),
    )  # fmt: skip
    envelope = Envelope(frame=frame, is_retained=message.is_retained)
    if node and levels[1:] == ["status"]:
        if message.payload not in _STATUS:
            raise PermanentError(f"status {message.payload[:40]!r} is neither online nor offline")
        return (replace(envelope, values={"online": _STATUS[message.payload]}, is_status=True),)
    is_state = len(levels) == _LEVELS and levels[1] in _COMPONENTS and levels[3] == "state"
    return (envelope,) if node and is_state else ()


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as a board publishes them."""
    frame = envelope.frame
    if envelope.is_status:
        return f"{frame.address}/status", b"online" if envelope.values.get("online") else b"offline"
    return f"{frame.address}/{frame.topic or 'text_sensor/state'}/state", frame.payload


def _topics(prefix: str) -> tuple[str, ...]:
    return (f"{prefix}+/status", *(f"{prefix}+/{component}/+/state" for component in _COMPONENTS))


def configure(options: Options) -> UplinkSpec:
    """Return the uplink as a source's options want it. Raises PermanentError naming each wrong one."""
    levels = read_options(EspHomeOptions, options, of="esphome").prefix.strip("/")
    prefix = f"{levels}/" if levels else ""
    return replace(UPLINK, unwrap=partial(unwrap, prefix=prefix), topics=_topics(prefix))


UPLINK = UplinkSpec(
    name="esphome",
    topics=_topics(""),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
    configure=configure,
)
