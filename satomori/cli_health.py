"""`satomori healthcheck SERVICE`: one question with one answer, for containers and monitors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from devices.model import SECOND_NS, TransientError

ServiceName = Literal["gateway", "ingest", "alerts", "forward", "api"]
LATE_S = 60.0
_GATEWAY_LATE_S = 300.0  # its spool is written at each heartbeat of the site, a minute by default


def healthcheck(
    service: Annotated[ServiceName, typer.Argument(help="Which service of this data folder.")],
    data: Annotated[Path, typer.Option("--data", help="Its data folder.", metavar="DIR")] = Path("satomori-data"),
    port: Annotated[int, typer.Option(help="TCP port of the page (api only).", min=1, max=65_535)] = 8080,
) -> None:
    """Exit 0 when the service says that it works, else 1 with the reason. Real time only."""
    try:
        fault = _page_fault(port) if service == "api" else _beat_fault(service, data)
    except (OSError, TransientError) as error:
        fault = str(error)
    typer.echo(f"{service}: {fault or 'ok'}")
    raise typer.Exit(1 if fault else 0)


def _beat_fault(service: ServiceName, data: Path) -> str:
    from devices.clock import Clock

    beat_ns = _beat_ns(service, data)
    if not beat_ns:
        return "has not said anything yet"
    age_s = (Clock().now_ns() - beat_ns) / SECOND_NS
    most_s = _GATEWAY_LATE_S if service == "gateway" else LATE_S
    return f"last said something {age_s:.0f} s ago" if age_s > most_s else ""


def _beat_ns(service: ServiceName, data: Path) -> int:
    """Return when the service last wrote a sign of life, 0 when never."""
    if service == "gateway":
        return max((path.stat().st_mtime_ns for path in data.glob("spool-*.db*")), default=0)
    if service == "forward":
        from ingest.forward_book import FORWARD_FILE, ForwardReader

        # a store that is away is no fault of this process
        return min((status.heartbeat_ns for status in ForwardReader(data / FORWARD_FILE).statuses()), default=0)
    if service == "alerts":
        from alerts.store_read import AlertsReader

        return AlertsReader(data / "alerts.db").heartbeat_ns()
    from ingest.journal_read import JournalReader

    return JournalReader(data / "journal.db").heartbeat_ns()


def _page_fault(port: int) -> str:
    import httpx

    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5.0, trust_env=False)
    except httpx.HTTPError as error:
        return f"does not answer: {error}"
    return "" if answer.status_code == httpx.codes.OK else f"answers {answer.status_code}"
