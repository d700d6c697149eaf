"""A message as JSON by HTTP POST. `accepted` means that the receiver answered 2xx (or 409: it had it already).

`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) is the delivery's identity: a receiver that keeps it can
drop what comes twice. That may happen: when a receiver closes a kept connection while a request is on its way, nobody
knows whether the message came, and it is sent again under the same key. Redirects are not followed, answers are not
read beyond 16 KiB, and the URL, which may hold a secret, stands in no error.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from alerts.model import ChannelParams, ChannelSpec, Outgoing, RetryLaterError
from devices.model import PermanentError, TransientError

_MOST_ANSWER_BYTES = 16_384
_MOST_WAIT_S = 3600.0
_MOST_REF_CHARS = 100
_KEPT_S = 4.0  # many servers close after 5 s: a message must not meet that
_RETRIED = frozenset({408, 425, 429})


class WebhookParams(ChannelParams):
    """`[channel.webhook]`: `timeout_s` bounds connecting and each wait for the receiver."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0


def check_address(address: str) -> str:
    """Return what is wrong with a webhook URL, "" when nothing. The URL itself is not repeated: it may be secret."""
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in ("http", "https"):
        return "is not a URL of the form https://host/path"
    if parts.username is not None or parts.fragment:
        return "must not hold a user name or a fragment"
    return ""


class WebhookSender:
    """One client for all receivers; connections are kept for the next message. May be used by several threads."""

    def __init__(self, params: WebhookParams) -> None:
        """Make the client; nothing is connected yet."""
        # trust_env False: a proxy of the environment must not see messages nobody sent through it on purpose
        self._client = httpx.Client(
            timeout=params.timeout_s,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=_KEPT_S),
        )

    def send(self, outgoing: Outgoing) -> str:
        """POST one message; return the status and the receiver's request id. See `alerts.model.Sender`."""
        headers = {"Idempotency-Key": outgoing.delivery_id}
        try:
            with self._client.stream("POST", outgoing.address, json=as_json(outgoing), headers=headers) as answer:
                _read_a_little(answer)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise PermanentError("webhook URL cannot be used") from None
        except httpx.HTTPError as error:
            raise TransientError(f"webhook: {type(error).__name__}") from None
        return _judged(answer)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


def as_json(outgoing: Outgoing) -> dict[str, str | int]:
    """Return the body: identity, urgency and the text; the same each time the delivery is tried."""
    return {
        "version": 1,
        "delivery_id": outgoing.delivery_id,
        "alert_id": outgoing.alert_id,
        "case_no": outgoing.case_no,
        "telling": outgoing.telling.value,
        "severity": outgoing.severity.key,
        "domain": outgoing.domain,
        "language": outgoing.message.language,
        "subject": outgoing.message.subject,
        "body": outgoing.message.body,
        "acknowledge_url": outgoing.ack_url,
    }


def _read_a_little(answer: httpx.Response) -> None:
    """Read the answer's body so that the connection can be used again, unless it is long."""
    read_bytes = 0
    for chunk in answer.iter_raw():
        read_bytes += len(chunk)
        if read_bytes > _MOST_ANSWER_BYTES:
            return


def _judged(answer: httpx.Response) -> str:
    status = answer.status_code
    if answer.is_success or status == httpx.codes.CONFLICT:
        return f"{status} {answer.headers.get('x-request-id', '')}".strip()[:_MOST_REF_CHARS]
    reason = f"webhook answered {status}"
    if status in _RETRIED or answer.is_server_error:
        wait_s = _wait_s(answer.headers.get("retry-after", ""))
        raise RetryLaterError(reason, after_s=wait_s) if wait_s else TransientError(reason)
    raise PermanentError(reason)


def _wait_s(header: str) -> float:
    """Return the seconds in a `Retry-After` header, at most an hour; 0.0 when there is none or it is a date."""
    return min(float(header), _MOST_WAIT_S) if header.isascii() and header.isdigit() else 0.0


CHANNEL = ChannelSpec(
    name="webhook", params=WebhookParams, address_field="webhook_url", check_address=check_address, open=WebhookSender
)
