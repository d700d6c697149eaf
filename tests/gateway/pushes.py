"""A gateway's push source on a port of its own, and clients that push to it."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx

from devices.clock import Clock
from devices.model import SECOND_NS
from devices.senml import decode_pack, encode_rows
from devices.site import Site
from devices.site_file import parse_site
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Decoder, plugins_of
from gateway.intake import Intake
from gateway.source_parts import SourceMaker
from gateway.spool import Spool
from tests.gateway.spools import all_waiting, open_spool
from tests.support import free_port, wait_until

ALL_TOKEN, ONE_TOKEN = "token-for-all", "token-for-one"
NOW_NS = 1_700_000_000 * SECOND_NS

_SITE = """
version = 1
[town]
id = "test"
name = "テスト村"
[[station]]
id = "pass"
name = "峠"
domain = "wildlife"
[[gateway]]
id = "gw-01"
name = "役場"
[[gateway.source]]
kind = "http"
host = "127.0.0.1"
port_number = {port}
uplink = "{uplink}"
[[gateway.source.token]]
name = "cloud"
sha256 = "{all_sha}"
[[gateway.source.token]]
name = "one"
sha256 = "{one_sha}"
devices = ["button-1"]
[[device]]
id = "button-1"
name = "わな 1"
model = "soracom_lte_m_button"
station = "pass"
address = "440100000000001"
[[device]]
id = "button-2"
name = "わな 2"
model = "soracom_lte_m_button"
station = "pass"
address = "440100000000002"
"""


def sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def push_site(*, port: int, uplink: str = "soracom") -> Site:
    return parse_site(_SITE.format(port=port, uplink=uplink, all_sha=sha(ALL_TOKEN), one_sha=sha(ONE_TOKEN)))


def press(*, seq: int = 42, imsi: str = "440100000000001") -> dict[str, object]:
    payload = {"msg_type": "event", "seq_number": seq, "batt_vol": 3000, "detect_type": "Single short click"}
    return {"payloads": payload, "imsi": imsi, "timestamp": NOW_NS // 1_000_000}


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def pushing(spool: Spool, *, port: int | None = None, uplink: str = "soracom") -> Iterator[httpx.Client]:
    """Serve pushes into `spool`; gives a client whose base is the source."""
    site = push_site(port=port or free_port(), uplink=uplink)
    gateway = site.gateway[0]
    plugins = plugins_of(site, gateway)
    intake = Intake(Decoder(site, plugins, DeviceClocks(ClockLimits(), believed={})), spool, wake=lambda: None)
    source = SourceMaker(site=site, gateway=gateway, clock=Clock(), plugins=plugins, intake=intake).make(0)
    stop = Event()
    thread = Thread(target=source.run, args=(stop,), daemon=True)
    thread.start()
    port = gateway.source[0].port_number
    try:
        wait_until(lambda: answers(port), what="push source answers")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0) as client:
            yield client
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def serve_for_ever(folder: Path, port: int) -> None:
    """Be a gateway that takes pushes until it is killed."""
    with pushing(open_spool(folder), port=port):
        Event().wait()


def told(spool: Spool) -> list[tuple[str, str, int | None]]:
    """Return device, quantity and counter of the readings in the spool, and the reasons of its quarantine rows."""
    rows = all_waiting(spool)
    found: list[tuple[str, str, int | None]] = []
    for row in rows:
        body = encode_rows([(row.number, row.body)], epoch=spool.epoch, floor=1, resent=False)
        pack = decode_pack(body, publisher="gw-01", arrived_ns=NOW_NS)
        found += [(r.device_id, r.quantity, r.seq) for r in pack.readings]
        found += [(q.device_id, q.reason, None) for q in pack.quarantine]
    return found
