"""LoRaWAN payload families of Decentlab, Dragino, Browan, Netvox, Xignal and of trackers.

The first byte chooses the model, the second the FPort, the rest is the payload: so every message of every model is
reached, also those on ports that the simulator does not send on. What a decoder says is encoded again, because the
simulator stands on that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from devices.catalog import (
    abeeway_tracker,
    browan,
    decentlab_dl,
    decentlab_dl_mbx,
    digital_matter,
    dragino_contact,
    dragino_ldds,
    dragino_lht65,
    dragino_probes,
    dragino_trackers,
    netvox,
    xignal_trap,
)
from devices.model import DeviceSpec, Frame, PermanentError

_FAMILIES: dict[str, tuple[DeviceSpec, ...]] = {
    "abeeway": (abeeway_tracker.DEVICE,),
    "browan": browan.DEVICES,
    "decentlab": (*decentlab_dl.DEVICES, decentlab_dl_mbx.DEVICE),
    "digital_matter": digital_matter.DEVICES,
    "dragino": (
        *dragino_contact.DEVICES,
        *dragino_ldds.DEVICES,
        *dragino_lht65.DEVICES,
        *dragino_probes.DEVICES,
        *dragino_trackers.DEVICES,
    ),
    "netvox": netvox.DEVICES,
    "xignal": xignal_trap.DEVICES,
}
_EXAMPLES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "abeeway": (
        ("abeeway_tracker", 18, "03025c8200061c572f054ffb08"),
        ("abeeway_tracker", 18, "0e065c8200000a011c572f00054ffb001f40082328006400000000"),
        ("abeeway_tracker", 18, "0a045c82000940000003e800000000fffe0048fc285a"),
    ),
    "browan": (
        ("browan_tbdw100", 100, "00cb3500008a3a00"),
        ("browan_tbhv110", 103, "610b351ebf030100510036"),
        ("browan_merryiot_dw10", 120, "000f151c0000d22500"),
        ("browan_tbpb100", 147, "01fe370000040000"),
    ),
    "decentlab": (
        ("decentlab_dl_mbx", 1, "02012f000304d200010bb1"),
        ("decentlab_dl_atm22", 1, "0208c900038009812b8014810880027fe8800880040bf5"),
        ("decentlab_dl_alb", 1, "0252850003809980220bd3"),
        ("decentlab_dl_rad", 1, "02586b0003074c88b68a8c00000b93"),
    ),
    "digital_matter": (
        ("digital_matter_oyster", 1, "85a8c5ebd8763f0b0301be"),
        ("digital_matter_oyster3", 33, "e825f49b9e872b6a992aab"),
        ("digital_matter_yabby_edge", 5, "0100a4a0b3ccd358e6"),
        ("digital_matter_guppy", 1, "c382"),
    ),
    "dragino": (
        ("dragino_ldds75", 2, "0d3b0aef00000001"),
        ("dragino_dds75_lb", 3, "0d3b0aef00c80160000000"),
        ("dragino_lds02", 10, "0b8801001bb300000000"),
        ("dragino_lds03a", 3, "0100000c00000565000000"),
        ("dragino_lht65", 2, "cbf60b0d0376010add7fff"),
        ("dragino_lsn50v2_d23", 2, "0e41008200000c0034fffd"),
        ("dragino_lse01", 2, "ce2900f107a5099b6e2890"),
        ("dragino_trackerd", 2, "015a706606cf3cf80fa23001ae00da"),
        ("dragino_trackerd", 4, "015a706606cf3cf807e60b1508091e"),
    ),
    "netvox": (
        ("netvox_r311a", 6, "0102011c01000000000000"),
        ("netvox_r315", 6, "01d2011c084900120adc6a"),
        ("netvox_ra07", 6, "010507781388ffffffff00"),
        ("netvox_r711", 7, "8101000000000000000000"),
    ),
    "xignal": (("xignal_mousetrap", 1, "221d04e202ff0000000001"),),
}


def _target(specs: tuple[DeviceSpec, ...]) -> Callable[[bytes], object]:
    def decode(data: bytes) -> object:
        chosen, port, payload = (data[:1] or b"\x00")[0], (data[1:2] or b"\x00")[0], data[2:]
        frame = Frame(
            gateway_id="g", transport="lorawan", address="a", payload=payload, received_ns=0, port=port
        )  # fmt: skip
        spec = specs[chosen % len(specs)]
        said = spec.decode(frame)
        for one in (said, *said.earlier):
            with suppress(PermanentError):
                spec.decode(spec.encode(one))
        return said

    return decode


def _seed(family: str, model: str, port: int, payload: str) -> bytes:
    models = [spec.model for spec in _FAMILIES[family]]
    return bytes((models.index(model), port)) + bytes.fromhex(payload)


TARGETS: dict[str, Callable[[bytes], object]] = {
    f"lorawan_{family}": _target(specs) for family, specs in _FAMILIES.items()
}
SEEDS: dict[str, list[bytes]] = {
    f"lorawan_{family}": [_seed(family, *example) for example in examples] for family, examples in _EXAMPLES.items()
}
