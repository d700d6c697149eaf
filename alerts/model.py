"""Core types of alerts: what people are told of, to whom, and what became of each message.

`_ns` fields are town time in integer nanoseconds, except where a docstring says real time. A field that is None has
not happened yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from devices.model import LogFields, Severity, TransientError
from devices.site import Domain, Language

Via = Literal["page", "link", "api"]
AddressField = Literal["email", "webhook_url"]

P = TypeVar("P", bound="ChannelParams")


class AlertState(Enum):
    """Acknowledged: somebody knows, it still goes on. Resolved: it is over, whether or not somebody knew."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Telling(Enum):
    """What one step of an alert tells: that it began, that it ended, or that it had never been so."""

    RAISED = "raised"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"


class DeliveryState(Enum):
    """How far a message has provably come. `accepted`: the provider took it; nobody says that it was read."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    OPENED = "opened"
    FAILED = "failed"


class Waiting(Enum):
    """Whether an alert is told. `catching_up`: it is old news for the alert service itself, told only if still open
    when the service has caught up. `explained`: the silence of its parent has been told; told only if it still is so
    some time after the parent was heard again. `begun_again`: its end has been told, and now the same episode is
    said to have begun: a hub restored from a backup hears everything again (and soon the end), or late data have
    undone the end; told only if it still is so some time later. `history`: late data, or over before it could be
    told; never told.
    """

    NONE = "none"
    CATCHING_UP = "catching_up"
    EXPLAINED = "explained"
    BEGUN_AGAIN = "begun_again"
    HISTORY = "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of a rule at a subject, as people see it. At most one of a (rule_id, subject) is not resolved.

    `alert_id` follows from the event that opened it; `event_id` is the newest event attached to it. `observed_ns`:
    when it was so; `opened_ns`: when the system knew. `value` and `limit` are in the quantity's unit, NaN where the
    rule compares no number. `step` counts what was told of it (0 = that it began). `device_id`, `station_id` and
    `quantity` are "" where the alert is about none. `texts` are the short texts by language.
    """

    alert_id: str
    case_no: str
    rule_id: str
    subject: str
    device_id: str
    station_id: str
    domain: Domain
    quantity: str
    state: AlertState
    severity: Severity
    opened_ns: int
    observed_ns: int
    value: float
    limit: float
    event_id: str
    resolved_ns: int | None = None
    acknowledged_ns: int | None = None
    acknowledged_by: str = ""
    waiting: Waiting = Waiting.NONE
    note: str = ""
    step: int = 0
    text_ja: str = ""
    text_ja_easy: str = ""
    text_en: str = ""
    change_no: int = 0

    @property
    def is_open(self) -> bool:
        """True while the alert is firing or acknowledged."""
        return self.state is not AlertState.RESOLVED

    @property
    def is_history(self) -> bool:
        """True for an alert that was never told because it was already over or too old."""
        return self.waiting is Waiting.HISTORY

    def log_fields(self) -> LogFields:
        """Return the fields that may be logged."""
        return {
            "alert_id": self.alert_id,
            "case_no": self.case_no,
            "rule_id": self.rule_id,
            "subject": self.subject,
            "state": self.state.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one person reads: `subject` is at most 70 characters and stands alone, `body` is the long form."""

    subject: str
    body: str
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message of one step of an alert to one contact by one channel: a row of the notification ledger.

    `next_ns` (not before) and `lease_until_ns` are real time, all else town time. `attempts` counts claims.
    `provider_ref` is what the provider answered, `error` what went wrong last, without any address.
    """

    delivery_id: str
    alert_id: str
    step: int
    telling: Telling
    route_id: str
    contact_id: str
    channel: str
    severity: Severity
    message: Message
    queued_ns: int
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    next_ns: int = 0
    lease_until_ns: int = 0
    accepted_ns: int | None = None
    provider_ref: str = ""
    error: str = ""

    @property
    def lane(self) -> Lane:
        """Who is told by what: one lane has at most one message under way."""
        return Lane(channel=self.channel, contact_id=self.contact_id)

    def log_fields(self) -> LogFields:
        """Return the fields that may be logged: ids and numbers, no text and no address."""
        return {
            "delivery_id": self.delivery_id,
            "alert_id": self.alert_id,
            "step": self.step,
            "contact_id": self.contact_id,
            "channel": self.channel,
            "attempts": self.attempts,
        }


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Lane:
    """A queue of its own for each contact and channel, so that one dead receiver delays nobody else."""

    channel: str
    contact_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody said that they know. `by` is a contact id or the name typed on the page; `order_id` is its identity."""

    order_id: str
    alert_id: str
    by: str
    at_ns: int
    via: Via


def delivery_id_of(alert_id: str, *, step: int, contact_id: str, channel: str) -> str:
    """Return the identity of a delivery: 32 hex digits, the same for the same four after any crash or replay."""
    text = f"{alert_id}|{step}|{contact_id}|{channel}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class ChannelParams(BaseModel):
    """Base of a channel's `[channel.<name>]` table."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message on its way out, with the receiver's `address` (never logged) and the link to acknowledge by.

    `delivery_id` becomes the provider's idempotency key. `ack_url` is "" where there is nothing to acknowledge.
    """

    delivery_id: str
    address: str
    message: Message
    alert_id: str
    case_no: str
    telling: Telling
    severity: Severity
    domain: Domain
    queued_ns: int
    ack_url: str = ""


class Sender(Protocol):
    """An open channel. `send` may be called by several threads at once."""

    def send(self, outgoing: Outgoing) -> str:
        """Hand the message to the provider; return its reference, "" when it gives none.

        Raises TransientError (try again) or PermanentError (this message can never go). The error's text holds no
        address and no secret.
        """

    def close(self) -> None:
        """Give back connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """One way of telling. `params` is the pydantic model of `[channel.<name>]` and is its documentation.

    `address_field` names the contact's field that this channel needs; `check_address` returns what is wrong with an
    address, "" when nothing. `open(params)` gives the Sender and does not connect yet.
    """

    name: str
    params: type[ChannelParams]
    address_field: AddressField
    check_address: Callable[[str], str]
    open: Callable[[Any], Sender]


class RetryLaterError(TransientError):
    """The provider says when to come back: not before `after_s` seconds from now."""

    def __init__(self, text: str, *, after_s: float) -> None:
        """Keep the text for the ledger and the wait for the queue."""
        super().__init__(text)
        self.after_s = after_s


Senders = Mapping[str, Sender]
