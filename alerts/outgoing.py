"""The last step before a message leaves: address and acknowledge link. Neither stands in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace

from alerts.links import LinkSecret, Ticket, acknowledge_url, sign
from alerts.model import Delivery, Outgoing, Telling
from alerts.planner import Planner
from alerts.routing import address_of
from alerts.store import AlertStore
from devices.model import SECOND_NS, PermanentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresser:
    """Makes an Outgoing of a Delivery; the same delivery gives the same bytes at each attempt."""

    planner: Planner
    store: AlertStore
    secret: LinkSecret

    def outgoing(self, delivery: Delivery) -> Outgoing:
        """Return the message with address and link.

        Raises PermanentError when the contact, its address, the channel or the alert is no longer there.
        """
        alert = self.store.alert(delivery.alert_id)
        if alert is None:
            raise PermanentError(f"alert {delivery.alert_id} is not on record")
        ack_url = self._ack_url(delivery) if delivery.telling is Telling.RAISED else ""
        message = delivery.message
        if ack_url:
            link = self.planner.writer.link_text(ack_url, message.language)
            message = replace(message, body=f"{message.body}\n\n{link}")
        return Outgoing(
            delivery_id=delivery.delivery_id,
            address=self._address(delivery),
            message=message,
            alert_id=alert.alert_id,
            case_no=alert.case_no,
            telling=delivery.telling,
            severity=delivery.severity,
            domain=alert.domain,
            queued_ns=delivery.queued_ns,
            ack_url=ack_url,
        )

    def _address(self, delivery: Delivery) -> str:
        contacts = {contact.id: contact for contact in self.planner.site.contact}
        contact, spec = contacts.get(delivery.contact_id), self.planner.channels.get(delivery.channel)
        address = address_of(contact, spec.address_field) if contact is not None and spec is not None else ""
        if not address:
            raise PermanentError(f"contact {delivery.contact_id} has no address for {delivery.channel} any more")
        return address

    def _ack_url(self, delivery: Delivery) -> str:
        alerting = self.planner.site.alerting
        ticket = Ticket(
            alert_id=delivery.alert_id,
            contact_id=delivery.contact_id,
            expires_ns=delivery.queued_ns + alerting.link_valid_s * SECOND_NS,
        )
        return acknowledge_url(alerting.base_url, sign(ticket, self.secret))
