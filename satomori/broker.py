"""The MQTT broker of a one-box town: mosquitto when its binary is there, else amqtt for demo and tests only.

Thanks to receipts neither is trusted with anything that a gateway sent; see the contract, "Embedded defaults".
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from devices.model import PermanentError

BrokerKind = Literal["mosquitto", "amqtt"]
BrokerChoice = Literal["auto", "amqtt", "none"]
"""`auto`: mosquitto when its binary is there, else amqtt. `none`: one runs already."""

_EXTRA_FOLDERS = ("/usr/sbin", "/usr/local/sbin")

# persistence + autosave: a killed broker loses at most 5 s of what bought sensors queued; the queue limit is raised
# because the default of 1,000 answers Success and drops (measured: 4,000 of 5,000 gone); loopback only, no logins yet.
_MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
user {user}
persistence true
persistence_location {folder}/
autosave_interval 5
max_queued_messages 100000
max_queued_bytes 268435456
max_inflight_messages 200
max_packet_size 262144
persistent_client_expiration 30d
log_dest stderr
log_type error
log_type warning
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCommand:
    """How to start the broker: `argv`, and which `kind` it is."""

    kind: BrokerKind
    argv: tuple[str, ...]
    port: int


def find_mosquitto() -> str | None:
    """Return the path of the mosquitto binary, None when it is not installed; Debian keeps it outside a user's PATH."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_EXTRA_FOLDERS))
    return shutil.which("mosquitto", path=path)


def choose_broker(choice: Literal["auto", "amqtt"]) -> str | None:
    """Return the path of mosquitto, None for amqtt.

    Raises PermanentError when there is neither.
    """
    mosquitto = find_mosquitto() if choice == "auto" else None
    if mosquitto is None and importlib.util.find_spec("amqtt") is None:
        raise PermanentError("no MQTT broker is installed; apt install mosquitto, or name one that runs: --no-broker")
    return mosquitto


def prepare_broker(*, data_dir: Path, port: int, mosquitto: str | None) -> BrokerCommand:
    """Write the broker's configuration below `data_dir` and return how to start it.

    Also writes `broker.json` (`kind`, `port`), from which the page says which broker runs.
    """
    folder = data_dir / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    if mosquitto is None:
        command = BrokerCommand(
            kind="amqtt", argv=(sys.executable, "-m", "satomori.amqtt_broker", str(port)), port=port
        )
    else:
        conf = folder / "mosquitto.conf"
        user = pwd.getpwuid(os.getuid()).pw_name
        conf.write_text(_MOSQUITTO_CONF.format(port=port, user=user, folder=folder.resolve()), encoding="utf-8")
        command = BrokerCommand(kind="mosquitto", argv=(mosquitto, "-c", str(conf)), port=port)
    (data_dir / "broker.json").write_text(json.dumps({"kind": command.kind, "port": port}), encoding="utf-8")
    return command
