"""Planted faults: mistakes that show only when something is killed. The test over the real broker must find each.

Most are those of `tests.crash.faults`. There the parent chooses the step at which a process dies; here a kill comes at
a random moment, so the moment between two steps in the wrong order is stretched to what a slow disk would need. A hub
that receipts before it commits is not among them: its gateways see that it went back, and send again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Event
from types import MappingProxyType
from typing import Any

from devices.model import PermanentError
from gateway.intake import Intake
from ingest.consume import Consumer
from ingest.feed import Portion
from ingest.forward_book import Progress
from ingest.forwarder import Forwarder
from tests.crash import faults as known

_STRETCH_S = 0.2


def gateway_acknowledges_before_commit() -> None:
    """The network's broker forgets a message before it is on disk."""
    known.gateway_acknowledges_before_commit()
    _delay(Intake, "commit_until")


def gateway_is_done_when_sent() -> None:
    """Rows count as stored by the hub as soon as they were published, whatever its receipts say."""
    known.gateway_is_done_when_sent()


def gateway_forgets_its_backlog() -> None:
    """After a start only new rows are sent."""
    known.gateway_forgets_its_backlog()


def hub_acknowledges_before_commit() -> None:
    """The broker forgets a message of a direct device before it is in the journal."""
    known.hub_acknowledges_before_commit()
    _delay(Consumer, "commit")


def hub_forgets_what_it_knew() -> None:
    """After a start the hub knows nothing of readings and episodes it has seen: no dedup across a crash."""
    known.hub_forgets_what_it_knew()


def forwarder_notes_before_write() -> None:
    """The forwarder moves its place on before the store has said that the points are there."""
    store = Forwarder._store

    def note_and_store(self: Forwarder, portion: Portion) -> None:
        parts = self._parts
        progress = Progress(reached=portion.place, settled=portion.place)
        parts.book.advance(parts.name, progress, counts=Counter())
        Event().wait(_STRETCH_S)
        store(self, portion)

    replace(Forwarder, "_store", note_and_store)


FAULTS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        fault.__name__: fault
        for fault in (
            gateway_acknowledges_before_commit,
            gateway_is_done_when_sent,
            gateway_forgets_its_backlog,
            hub_acknowledges_before_commit,
            hub_forgets_what_it_knew,
            forwarder_notes_before_write,
        )
    }
)


def plant(name: str) -> None:
    """Put a fault into this process; "" = none."""
    if name:
        FAULTS[name]()


def replace(owner: object, name: str, replacement: object) -> None:
    """Put `replacement` in the place of something that must be there."""
    if not hasattr(owner, name):
        raise PermanentError(f"{owner} has no {name} to be replaced")
    setattr(owner, name, replacement)


def _delay(owner: object, name: str) -> None:
    """Let a step begin late."""
    step: Callable[..., Any] = getattr(owner, name)

    def late(*args: Any, **kwargs: Any) -> Any:
        Event().wait(_STRETCH_S)
        return step(*args, **kwargs)

    replace(owner, name, late)
