"""`trap_check`: a trap is in the sprung position, and nobody knows since when or why: somebody should look.

Raised by the first report ever, the first after a restart of the device, or the first after a long silence, when it
says sprung: it may hold an animal, or somebody is just setting it up. Cleared when it has been armed for `rearm_s`.
Always at work for the traps of a town (stations of wildlife). See `ingest.contacts`.

Source: device notes 4.3 ("closed at start-up" is `unknown`, not `sprung`) and bad input 68.
"""

from __future__ import annotations

from ingest.contacts import UNKNOWN, ContactParams, Contacts
from ingest.plugins import RuleSpec


class TrapCheckParams(ContactParams):
    """See `ingest.contacts.ContactParams`."""


class TrapCheck(Contacts):
    """The rule at work: tells of contacts of which nobody knows since when they are sprung."""

    tells = UNKNOWN


RULE = RuleSpec(name="trap_check", params=TrapCheckParams, timeline="contact", build=TrapCheck)
