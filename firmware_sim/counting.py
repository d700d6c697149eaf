"""Stock paho that only counts: what a subscriber costs that is written as the manual says; a reference of the bench.

`python -m firmware_sim.counting PORT COUNT` subscribes to everything, counts COUNT messages and says so.
"""

from __future__ import annotations

import sys
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


def count_messages(port: int, count: int) -> None:
    """Say `ready` when subscribed (QoS 1), `done` when that many messages came, and end."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-paho")
    left = [count]

    def on_message(_client: mqtt.Client, _userdata: object, _message: mqtt.MQTTMessage) -> None:
        left[0] -= 1
        if not left[0]:
            _say("done")
            client.disconnect()

    def on_subscribe(*_args: Any) -> None:
        _say("ready")

    client.on_message = on_message
    client.on_subscribe = on_subscribe
    client.connect("127.0.0.1", port)
    client.subscribe("bench123/v1/#", qos=1)
    client.loop_forever()


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    count_messages(int(sys.argv[1]), int(sys.argv[2]))
