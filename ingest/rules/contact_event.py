"""`contact_event`: a contact went from armed to sprung (trap door, help button); every such edge is told, late or not.

The first reading ever, the first after a restart of the device and the first after a long silence only say how things
stand: sprung then is no event of this rule (`trap_check` tells it as unknown). Cleared when it has been armed again for
`rearm_s`, dated by when that began. No data leaves the state as it is. Which contact state means sprung is the device's
`sprung_when`. Openings that only the device's counter knows are told, too. Of a quantity that happens (`sos`,
`button`) each press is told, the first ever included. For all this see `ingest.contacts`.

Source: R-trap rules of the design notes (closed at start-up is unknown, not sprung; a lost event is recovered from the
counter).
"""

from __future__ import annotations

from ingest.contacts import SPRANG, ContactParams, Contacts
from ingest.plugins import RuleSpec


class ContactEventParams(ContactParams):
    """See `ingest.contacts.ContactParams`."""


class ContactEvent(Contacts):
    """The rule at work: tells of edges from armed to sprung."""

    tells = SPRANG


RULE = RuleSpec(name="contact_event", params=ContactEventParams, timeline="contact", build=ContactEvent)
