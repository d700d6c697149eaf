"""A server on loopback that answers `/api/v2/write` as we please and remembers what it took."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to answer. `takes`: the lines count as stored. `wait_s`: before answering. `drops`: hang up instead."""

    status: int = 204
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    takes: bool = True
    wait_s: float = 0.0
    drops: bool = False


ACCEPT = Answer()
Plan = Callable[[list[str]], Answer]
"""Lines of one write -> the answer."""


class FaultServer:
    """What was asked of it (`requests`: headers and path) and what it holds (`stored`: tags and time -> fields)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stored: dict[tuple[str, str], str] = {}
        self.sizes: list[int] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.query_answer = Answer(status=200)
        self.queries: list[str] = []
        self._ended = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def has_ended(self) -> bool:
        """Kept-alive connections outlive the listener: what comes over them now is not answered."""
        return self._ended.is_set()

    def take(self, lines: list[str]) -> Answer:
        answer = self.plan(lines)
        self.sizes.append(len(lines))
        self._ended.wait(answer.wait_s)
        if answer.takes and not answer.drops and not self.has_ended:
            for line in lines:
                tags, fields, time_ns = line.rsplit(" ", 2)
                self.stored[tags, time_ns] = fields
        return answer


def _handler_of(server: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(ACCEPT)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            server.requests.append((self.path, dict(self.headers)))
            if self.path.startswith("/api/v2/query"):
                server.queries.append(body.decode())
                self._reply(server.query_answer)
            else:
                self._reply(server.take(body.decode().split("\n")))

        def _reply(self, answer: Answer) -> None:
            if answer.drops or server.has_ended:
                self.close_connection = True
                return
            body = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    return Handler


@contextmanager
def fault_server(plan: Plan = lambda _: ACCEPT) -> Iterator[FaultServer]:
    """Run a server that answers by `plan`."""
    server = FaultServer(plan)
    server.start()
    try:
        yield server
    finally:
        server.stop()
