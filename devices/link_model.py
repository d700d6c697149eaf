"""What a link is told, what it hands out, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """Where the broker is and who we are. `client_id` is stable: the session of the broker hangs on it.

    `max_inflight` bounds what the broker sends before it is acknowledged (MQTT 5; in 3.1.1 the broker's own bound
    holds); `max_queued` what we send before the broker answers. `password` never shows in a repr. `will_payload` is
    what the broker publishes (retained) at `will_topic` when we are gone without a word; "" = no will.
    """

    host: str
    port: int
    client_id: str
    keepalive_s: int = 15
    max_inflight: int = 200
    max_queued: int = 1_000
    username: str = ""
    password: str = field(default="", repr=False)
    clean_start: bool = False
    will_topic: str = ""
    will_payload: bytes = b""


# these two are made for every message: a Struct costs a third of a dataclass, and without `gc` thousands of them in a
# batch do not make the garbage collector walk all memory again and again


class AckToken(msgspec.Struct, frozen=True, gc=False):
    """What acknowledges one message. `generation` is that of the connection it came by."""

    mid: int
    qos: int
    generation: int


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as the broker delivered it."""

    topic: str
    payload: bytes
    is_retained: bool
    ack_token: AckToken


@dataclass(slots=True, kw_only=True)
class LinkHealth:
    """What is known of the connection. Stamps are of the monotonic clock, 0.0 = never.

    `last_loop_s`: when the network loop last went round; a loop that stands still is not connected. `generation`
    changes with every connection and every loss of one. Counters: `connects`; `takeovers` the broker said that another
    client has our id; `short_lived` connections that did not last 10 s (brokers that do not say so); `sessions_lost`
    the broker had forgotten us; `stale_acks` acknowledgements that came after their connection was gone; `refused`
    publishes that were not taken, for want of room or of a connection; `unstored` publishes that the broker answered
    with anything but Success; `stalls` turns in which nothing was received because the inbox was full; `faults`
    exceptions in the network thread.
    """

    connected_since_s: float = 0.0
    last_loop_s: float = 0.0
    generation: int = 0
    connects: int = 0
    takeovers: int = 0
    short_lived: int = 0
    sessions_lost: int = 0
    stale_acks: int = 0
    refused: int = 0
    unstored: int = 0
    stalls: int = 0
    faults: int = 0
