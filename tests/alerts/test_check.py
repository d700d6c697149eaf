"""What check_channels finds in a site, all at once, without repeating an address."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.check import check_channels
from tests.alerts.town import CONTACTS, ROUTES, site

SMTP = {"host": "127.0.0.1", "port": 25, "sender": "satomori@town.example"}


def problems(**changes: Any) -> list[tuple[str, str]]:
    return [(p.key, p.message) for p in check_channels(site(**changes))]


def test_a_good_site_has_none() -> None:
    assert problems() == []


def route(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": "r", "contacts": ["road"], "channels": ["smtp"], **fields}]


def contact(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": "road", "name": "道路係", "email": "road@town.example", **fields}, *CONTACTS[1:]]


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"channel": {}}, "route[0].channels", "needs its parameters in [channel.smtp]"),
        ({"channel": {"smtp": {"host": "h"}}}, "channel.smtp.sender", "required"),
        ({"channel": {"smtp": {**SMTP, "port": 99_999}}}, "channel.smtp.port", "65535"),
        ({"channel": {"smtp": {**SMTP, "hots": "x"}}}, "channel.smtp.hots", "not permitted"),
        ({"channel": {"smtp": SMTP, "fax": {}}}, "channel.fax", "channel 'fax' is unknown; there are smtp, webhook"),
        ({"route": route(channels=["fax", "smtp"])}, "route[0].channels", "channel 'fax' is unknown"),
        ({"route": route(contacts=["it"], channels=["webhook"])}, "route[0].contacts", "'it' has no address for any"),
        ({"contact": contact(email="road at town")}, "contact[0].email", "of road is not a mail address"),
        ({"contact": contact(webhook_url="ftp://x/s3cret")}, "contact[0].webhook_url", "of road is not a URL"),
        (
            {"town": {"id": "t", "name": "t", "timezone": "Asia/Yukimori"}},
            "town.timezone",
            "time zone 'Asia/Yukimori' does not exist",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_site_is_told(changes: dict[str, Any], key: str, says: str) -> None:
    found = dict(problems(**changes))
    assert key in found
    assert says in found[key]


def test_all_problems_come_at_once_and_repeat_no_secret() -> None:
    found = problems(
        channel={"smtp": {"host": "h", "password_file": 7}},
        contact=contact(email="road at s3cret", webhook_url="https://user:s3cret@hooks.example/"),
        route=[*ROUTES, {"id": "r", "contacts": ["it"], "channels": ["webhook", "fax"]}],
    )
    assert len(found) >= 6
    assert "s3cret" not in str(found)


def test_webhook_needs_no_parameters() -> None:
    assert problems(route=route(channels=["webhook"]), contact=contact(webhook_url="https://h.example/x")) == []
