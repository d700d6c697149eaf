"""A network's broker: messages go into the spool, and only then are acknowledged to the broker.

The link bounds what is unacknowledged; while the disk refuses, the broker keeps the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from devices.link import AckToken, Message
from devices.model import UplinkMessage
from gateway.decode import MessageArrival
from gateway.intake import Intake, Prepared
from gateway.sources.stamps import Stamps

_WAIT_S = 0.2
_BATCH = 200
_TOPIC_NOTES = "topics/"


class Feed(Protocol):
    """The part of `devices.link.Subscriber` that a source uses."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def take(self, *, timeout_s: float, most: int) -> list[Message]: ...
    def acknowledge(self, tokens: Sequence[AckToken]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions:
    """One subscription of a gateway: `uplink` names the envelope of its messages, `topics` are those of today.

    `session` is its client id at the broker.
    """

    name: str
    gateway_id: str
    uplink: str
    topics: Sequence[str]
    session: str = ""


def covers(wanted: str, topic: str) -> bool:
    """Tell whether a subscription to `wanted` (with + and #, also in a $share group) brings messages of `topic`."""
    if wanted.startswith("$share/"):
        wanted = wanted.split("/", 2)[-1]
    levels, have = wanted.split("/"), topic.split("/")
    if levels[-1] == "#":
        levels.pop()
        have = have[: len(levels)]  # a/# brings a as well
    return len(levels) == len(have) and all(level in ("+", name) for level, name in zip(levels, have, strict=True))


def topics_of_session(intake: Intake, session: str) -> tuple[str, ...]:
    """Return all topics that were ever asked for in a session of a broker: the broker forgets none by itself."""
    return tuple(json.loads(intake.notes(_TOPIC_NOTES).get(session, "[]")))


class MqttSource:
    """`run` serves the broker until it is told to stop; `step` is one round of it."""

    def __init__(self, options: MqttOptions, feed: Feed, intake: Intake, *, now_ns: Callable[[], int]) -> None:
        self._options = options
        self._feed = feed
        self._intake = intake
        self._now_ns = now_ns
        self._stamps = Stamps()

    def run(self, stop: Event) -> None:
        """Take messages until `stop` is set."""
        asked_for = {*topics_of_session(self._intake, self._options.session), *self._options.topics}
        note = {f"{_TOPIC_NOTES}{self._options.session}": json.dumps(sorted(asked_for))}
        if not self._intake.commit_until(Prepared(rows=(), notes=note), stop):
            return
        self._feed.start()
        try:
            while not stop.is_set():
                self.step(stop)
        finally:
            self._feed.stop()

    def step(self, stop: Event) -> int:
        """Take what is there, put it on disk, acknowledge it; return how many messages were acknowledged.

        Without success on disk nothing is acknowledged: the broker brings the messages again.
        """
        messages = self._feed.take(timeout_s=_WAIT_S, most=_BATCH)
        if not messages:
            return 0
        arrivals = [self._arrival(message) for message in messages if self._is_wanted(message)]
        prepared = self._intake.prepare(self._options.name, arrivals, now_s=time.monotonic())
        if not self._intake.commit_until(prepared, stop):
            return 0
        self._feed.acknowledge([message.ack_token for message in messages])
        return len(messages)

    def _is_wanted(self, message: Message) -> bool:
        """A broker's session outlives our settings: messages of topics that are no longer asked for may wait in it, and
        would be heard twice when another source asks for them now.
        """
        is_wanted = any(covers(topic, message.topic) for topic in self._options.topics)
        if not is_wanted:
            self._intake.count("messages_not_asked_for", 1)
        return is_wanted

    def _arrival(self, message: Message) -> MessageArrival:
        return MessageArrival(
            message=UplinkMessage(
                gateway_id=self._options.gateway_id,
                topic=message.topic,
                payload=message.payload,
                received_ns=self._stamps.stamp(self._now_ns()),
                is_retained=message.is_retained,
            ),
            uplink=self._options.uplink,
        )
