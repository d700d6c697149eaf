"""Ways in that are not built say so when a site asks for them: mail and FTP of vendors' clouds and cameras."""

from __future__ import annotations

import pytest

from devices.site_file import SiteError, parse_site

_SITE = """
version = 1
[town]
id = "t"
name = "T"
[[gateway]]
id = "gw"
name = "G"
[[gateway.source]]
kind = "{kind}"
uplink = "{uplink}"
topics = ["x"]
"""


@pytest.mark.bad_input(70, 71)
@pytest.mark.parametrize("kind", ["mail", "smtp", "imap", "ftp", "camera"])
def test_mail_and_ftp_are_refused_and_the_ways_that_exist_are_named(kind: str) -> None:
    """Bad inputs 70 and 71 (late, doubled or re-encoded mail, cut pictures) cannot come in: there is no such source."""
    with pytest.raises(SiteError) as refused:
        parse_site(_SITE.format(kind=kind, uplink="plain_json"))
    told = str(refused.value)
    assert kind in told
    assert all(known in told for known in ("serial", "mqtt", "http"))


@pytest.mark.bad_input(84)
def test_sparkplug_is_refused_by_name() -> None:
    with pytest.raises(SiteError, match="uplink 'sparkplug_b' does not exist"):
        parse_site(_SITE.format(kind="mqtt", uplink="sparkplug_b"))
