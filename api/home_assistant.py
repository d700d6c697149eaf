"""Everything appears in Home Assistant by itself: the side that talks to the broker. On when `[home_assistant]` is.

Reads the journal and the alerts as the page does and publishes what changed: configurations, availability and problem
sensors retained, values not. Everything is told again after a new connection and when Home Assistant says that it was
started. What this town left at the broker and the site no longer has is removed. Should this process end, the broker
says for it that everything is unavailable.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from api.cards import Picture, battery_days, count_alerts, group_latest, worst_severities
from api.ha_messages import OFFLINE, ONLINE, Post, Teller, Topics, alert_key, as_bytes, platforms, without_gone
from api.schemas import AlertOut
from api.sources import Sources
from devices.link import LinkOptions, Message, Publisher
from devices.model import PermanentError, TransientError
from devices.site import Site
from ingest.journal_read import LatestRow

log = logging.getLogger(__name__)

TURN_S = 0.5
_LOOK_AGAIN_S = 5.0
_MOST_MESSAGES = 1_000


def link_options(site: Site) -> LinkOptions:
    """Return how to reach Home Assistant's broker.

    Raises PermanentError when the file with the password cannot be read.
    """
    settings, topics = site.home_assistant, Topics(site)
    password = ""
    if settings.password_file:
        try:
            password = Path(settings.password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PermanentError(f"home_assistant.password_file {settings.password_file!r}: {error}") from error
    return LinkOptions(
        host=settings.host,
        port=settings.port,
        client_id=topics.node("").replace("satomori_", "satomori-ha-", 1),
        username=settings.username,
        password=password,
        clean_start=True,
        will_topic=topics.status,
        will_payload=OFFLINE,
    )


@dataclass(slots=True, kw_only=True)
class _Told:
    """What Home Assistant knows from this connection. `commit_no`: values of up to that commit."""

    retained: dict[str, bytes] = field(default_factory=dict)
    commit_no: int = 0


class HomeAssistant:
    """Keeps Home Assistant up to date. One thread calls `turn`; a broker that is away costs nothing but that."""

    def __init__(self, sources: Sources, link: Publisher, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Publish by `link`, which must be subscribed to `subscriptions`."""
        self._sources, self._link, self._monotonic = sources, link, monotonic
        self.topics = Topics(sources.town.site)
        self._teller = Teller(site=sources.town.site, topics=self.topics)
        self._told = _Told()
        self._generation = -1
        self._found: dict[str, dict[str, str]] = {}
        self._alerts: dict[str, AlertOut] = {}
        self._outbox: dict[str, Post] = {}
        self._place = (-1, -1)
        self._looked_s = float("-inf")

    @staticmethod
    def subscriptions(topics: Topics) -> Sequence[str]:
        """Return what to subscribe to: Home Assistant's birth, and the configurations there are."""
        return (topics.birth, topics.all_configs)

    def turn(self, *, timeout_s: float) -> None:
        """Take what came in, look whether something changed, publish. Waits up to `timeout_s` for messages.

        Raises TransientError when the town's files cannot be read.
        """
        for message in self._link.take(timeout_s=timeout_s, most=_MOST_MESSAGES):
            self._take(message)
        if not self._link.is_connected:
            return
        if self._link.generation != self._generation:
            self._generation = self._link.generation
            self._tell_again()
        place = (self._sources.journal.commit_no(), self._sources.notices.change_no())
        if place != self._place or self._monotonic() - self._looked_s >= _LOOK_AGAIN_S:
            self._look()
            self._place, self._looked_s = place, self._monotonic()
        self._flush()

    def say_goodbye(self) -> None:
        """Say that everything is unavailable from now on."""
        self._link.publish(self.topics.status, OFFLINE, retain=True)

    def _take(self, message: Message) -> None:
        if message.topic == self.topics.birth:
            if message.payload == ONLINE:
                self._tell_again()
        elif message.payload and self.topics.is_ours(message.topic, message.payload):
            self._found.setdefault(message.topic, {}).update(platforms(message.payload))
            self._looked_s = float("-inf")

    def _tell_again(self) -> None:
        self._told = _Told()
        self._outbox.clear()
        self._place = (-1, -1)

    def _look(self) -> None:
        """Put what changed into the outbox: configurations before states."""
        sources = self._sources
        rows, alerts = sources.journal.latest(), sources.open_alerts()
        picture = self._picture(rows, alerts)
        self._note(alerts)
        self._retain(Post(topic=self.topics.status, payload=ONLINE, retain=True))
        configs = {
            self.topics.config(device.id): self._teller.config(picture, device)
            for device in self._teller.shared(picture)
        }
        configs[self.topics.config("")] = self._teller.alerts_config(self._alerts)
        for topic, config in configs.items():
            self._retain(
                Post(topic=topic, payload=as_bytes(without_gone(config, self._found.get(topic, {}))), retain=True)
            )
        for topic in [topic for topic in self._found if topic not in configs]:
            for gone in (topic, *self.topics.retained_by(topic)):
                self._retain(Post(topic=gone, payload=b"", retain=True))
            del self._found[topic]
        for key in self._found.get(self.topics.config(""), {}).keys() - self._alerts.keys():
            for gone in (self.topics.of("", key), self.topics.of("", key, "attributes")):
                self._retain(Post(topic=gone, payload=b"", retain=True))
        for post in (*self._teller.standing(picture), *self._teller.alert_states(self._alerts)):
            self._retain(post)
        changed = [row for row in rows if row.commit_no > self._told.commit_no]
        for post in self._teller.values(picture, changed):
            self._outbox.pop(post.topic, None)
            self._outbox[post.topic] = post
        self._told.commit_no = max((row.commit_no for row in rows), default=0)

    def _picture(self, rows: Sequence[LatestRow], alerts: Sequence[AlertOut]) -> Picture:
        at, town = self._sources.now(), self._sources.town
        return Picture(
            town=town, latest=group_latest(rows), severity=worst_severities(town, alerts),
            open_alerts=count_alerts(alerts), now_ns=at.now_ns, speed=at.speed,
            battery_days=battery_days(town, alerts, now_ns=at.now_ns),
        )  # fmt: skip

    def _note(self, alerts: Sequence[AlertOut]) -> None:
        """Learn the open alerts; what was open before and is no more is looked up once more, to be told as over."""
        now = {alert_key(alert): alert for alert in alerts if self._teller.is_told(alert)}
        for key, alert in self._alerts.items():
            if key not in now and self._teller.is_told(alert):
                self._alerts[key] = self._sources.notices.find(alert.alert_id) or alert
        self._alerts |= now

    def _retain(self, post: Post) -> None:
        if self._told.retained.get(post.topic) != post.payload:
            self._told.retained[post.topic] = post.payload
            self._outbox.pop(post.topic, None)
            self._outbox[post.topic] = post

    def _flush(self) -> None:
        """Publish as much as the connection takes; the rest waits, the newest of each topic."""
        for topic, post in list(self._outbox.items()):
            if not self._link.publish(topic, post.payload, retain=post.retain):
                return
            del self._outbox[topic]


@contextmanager
def shared_with_home_assistant(sources: Sources) -> Iterator[None]:
    """Keep Home Assistant up to date in a thread while the block runs, when the site wants it.

    Raises PermanentError when the file with the password cannot be read.
    """
    site = sources.town.site
    if not site.home_assistant.enabled:
        yield
        return
    stop = Event()
    link = Publisher(link_options(site), HomeAssistant.subscriptions(Topics(site)))
    keeper = HomeAssistant(sources, link)
    link.start()
    thread = Thread(target=_keep, args=(keeper, stop), name="home-assistant", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10.0)
        keeper.say_goodbye()
        link.stop()


def _keep(keeper: HomeAssistant, stop: Event) -> None:
    is_failing = False
    while not stop.is_set():
        try:
            keeper.turn(timeout_s=TURN_S)
            is_failing = False
        except TransientError as error:
            if not is_failing:
                log.warning("home_assistant_waits", extra={"error": str(error)})
            is_failing = True
            stop.wait(TURN_S)
        except Exception:  # the page must not lose its thread over a guest
            if not is_failing:
                log.exception("home_assistant_broken", extra={})
            is_failing = True
            stop.wait(TURN_S)
