"""Milesight's TLV, Elsys' TLV and Cayenne LPP: every model, and Cayenne with a site's own channels.

The first byte chooses the model; what a decoder says is encoded again, because the simulator stands on that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from devices.model import DeviceSpec, Frame, PermanentError
from devices.payloads.cayenne import Cayenne
from devices.registry import load_catalog
from devices.wires.mapping import Mapped

_CATALOG = load_catalog()
_CHANNELS = Cayenne(
    mapped={
        "temperature_3": Mapped(quantity="soil_temperature", sentinels=(-127.0,)),
        "analog_in_2": Mapped(quantity="distance", unit="cm"),
        "gps_1_altitude": Mapped(),
    }
)


def _frame(payload: bytes, port: int | None) -> Frame:
    return Frame(gateway_id="g", transport="lorawan", address="a", payload=payload, received_ns=0, port=port)


def _family(models: Sequence[DeviceSpec]) -> Callable[[bytes], object]:
    def target(payload: bytes) -> object:
        spec = models[payload[0] % len(models)] if payload else models[0]
        decoded = spec.decode(_frame(payload[1:], spec.default_port))
        with suppress(PermanentError):
            spec.decode(spec.encode(decoded))
        return decoded

    return target


def _channels(payload: bytes) -> object:
    decoded = _CHANNELS.decode(_frame(payload, 1))
    with suppress(PermanentError):
        _CHANNELS.decode(_CHANNELS.encode(decoded))
    return decoded


def _of(vendor: str) -> list[DeviceSpec]:
    return [spec for model, spec in sorted(_CATALOG.items()) if model.startswith(vendor)]


def _seeds(models: Sequence[DeviceSpec], payloads: Sequence[str]) -> list[bytes]:
    return [bytes((number,)) + bytes.fromhex(payload) for number in range(len(models)) for payload in payloads]


_MILESIGHT, _ELSYS = _of("milesight_"), _of("elsys_")
_MILESIGHT_FRAMES = (
    "01755c036734010468650600019999",
    "01755c03824408040000ff0bff",
    "01755c0367010104824408050001",
    "20ce9e74466310015d01000000000000",
    "21cedff40b650000000102010a000a000080ec44",
    "86e10a0088023393bb4403",
    "03cf00000000282307",
    "03d4000001005046",
    "ff0bffff0101ff166745e27566240008ff090110ff0a0102",
    "0488debc770108ff08072006d90024e124f5b797b300",
    "ff2e0183670101018482440801b4822c0102",
)
_ELSYS_FRAMES = (
    "0100e202290400270506060308070d62",
    "0100e20229030127050a110112110a2111",
    "030127050a11010b000a001114000f5ca8",
    "0c009619ffce0d010e08340f0310ffceff9c1100",
    "3e02abcd3d0000000015502813" + "00" * 65,
)
_CAYENNE_FRAMES = ("03670110056700ff", "018806765ff2960a0003e8", "067104d2fb2e0000", "010001020202271001686501732768")

TARGETS: dict[str, Callable[[bytes], object]] = {
    "lorawan_a_milesight": _family(_MILESIGHT),
    "lorawan_a_elsys": _family(_ELSYS),
    "lorawan_a_cayenne": _family(_of("cayenne_")),
    "lorawan_a_cayenne_channels": _channels,
}
SEEDS: dict[str, list[bytes]] = {
    "lorawan_a_milesight": _seeds(_MILESIGHT, _MILESIGHT_FRAMES),
    "lorawan_a_elsys": _seeds(_ELSYS, _ELSYS_FRAMES),
    "lorawan_a_cayenne": _seeds(_of("cayenne_"), _CAYENNE_FRAMES),
    "lorawan_a_cayenne_channels": [bytes.fromhex(one) for one in _CAYENNE_FRAMES],
}
