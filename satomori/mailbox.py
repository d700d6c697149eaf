"""A local mailbox for the demo: an SMTP server on loopback that keeps each mail as a file, and a page to read them."""

from __future__ import annotations

import email
import html
import logging
import os
from dataclasses import dataclass
from email.policy import default as default_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

log = logging.getLogger(__name__)

_PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>郵便受け（デモ）</title>
<style>body{{font:18px/1.6 sans-serif;max-width:44rem;margin:1rem auto;padding:0 1rem;background:#fbfaf7;color:#222}}
article{{border:1px solid #bbb;border-radius:.5rem;padding:.6rem 1rem;margin:1rem 0;background:#fff}}
h2{{font-size:1.1rem;margin:0}}pre{{white-space:pre-wrap;font:inherit;margin:.4rem 0}}small{{color:#555}}
@media(prefers-color-scheme:dark){{body{{background:#14181c;color:#eee}}article{{background:#1d2329;border-color:#555}}
small{{color:#bbb}}}}</style>
<h1>郵便受け <small>デモの受信箱 / demo mailbox</small></h1>
<p>{count} 通。5 秒ごとに新しくなります。</p>{mails}</html>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One received mail. `body` is the plain text part."""

    message_id: str
    recipient: str
    subject: str
    body: str


def read_mails(folder: Path) -> list[Mail]:
    """Return the mails kept in `folder`, oldest first; empty when there is none."""
    return [_as_mail(path.read_bytes()) for path in sorted(folder.glob("*.eml"))]


def _as_mail(raw: bytes) -> Mail:
    message = email.message_from_bytes(raw, policy=default_policy)
    part = message.get_body(("plain",))
    return Mail(
        message_id=str(message["Message-ID"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        body=part.get_content().replace("\r\n", "\n") if part is not None else "",
    )


class _Keeper:
    """aiosmtpd handler: a mail is on disk before the 250 is answered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = len(list(folder.glob("*.eml")))

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - name is aiosmtpd's
        self._count += 1
        path = self._folder / f"{self._count:06d}.eml"
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            file.write(envelope.original_content or b"")
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        return "250 kept"


def _page_handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mails = read_mails(folder)
            body = _PAGE.format(count=len(mails), mails="".join(_as_html(m) for m in reversed(mails))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: who read which page is nobody's business."""

    return Page


def _as_html(mail: Mail) -> str:
    parts = (html.escape(text) for text in (mail.subject, mail.recipient, mail.body))
    return "<article><h2>{}</h2><small>{}</small><pre>{}</pre></article>".format(*parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxOptions:
    """`folder` keeps the mails; `smtp_port` and `http_port` are on 127.0.0.1."""

    folder: Path
    smtp_port: int
    http_port: int


def run_mailbox(options: MailboxOptions, stop: Event) -> None:
    """Serve SMTP and the reading page on loopback until `stop` is set."""
    from aiosmtpd.controller import Controller  # optional: only the demo extra brings it

    options.folder.mkdir(parents=True, exist_ok=True)
    smtp = Controller(_Keeper(options.folder), hostname="127.0.0.1", port=options.smtp_port)
    smtp.start()
    page = ThreadingHTTPServer(("127.0.0.1", options.http_port), _page_handler(options.folder))
    thread = Thread(target=page.serve_forever, daemon=True)
    thread.start()
    log.info("mailbox_started", extra={"smtp_port": options.smtp_port, "http_port": options.http_port})
    stop.wait()
    page.shutdown()
    smtp.stop()
