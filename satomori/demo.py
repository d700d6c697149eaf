"""`satomori demo`: the whole house on this machine, with recorded data of all three domains."""

from __future__ import annotations

import time
from threading import Event

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from satomori.supervise import Supervisor, stop_on_signals, wait_for_port
from satomori.town import SCENES_START_NS, DemoOptions, DemoTown, prepare_town

LEAD_S = 5.0
SCENES_HOURS = 60
_READY_TIMEOUT_S = 60.0


def run_demo(options: DemoOptions) -> int:
    """Start the town, replay the scenes once, keep everything running until Ctrl-C; return the exit code."""
    console = Console()
    console.print("里守りを始めます。/ Starting Satomori.")
    town = prepare_town(options, lead_s=LEAD_S)
    stop = stop_on_signals()
    supervisor = Supervisor(services=[*town.services], log_dir=town.data_dir / "log", tell=console.print)
    supervisor.start()
    try:
        is_ready = wait_until_ready(town, stop)
        if not is_ready:
            console.print(
                f"始まりませんでした。{town.data_dir / 'log'} を見てください。/ Not started; see the logs there."
            )
            return 1
        _introduce(town, console)
        _replay(town, stop, console)
        supervisor.run(stop)
    finally:
        supervisor.stop()
        console.print("終わりました。/ Stopped.")
    return 0


def wait_until_ready(town: DemoTown, stop: Event) -> bool:
    """Return True once the page answers and a heartbeat of every gateway has come all the way into the journal."""
    from ingest.journal_read import JournalReader

    if not wait_for_port(town.api_port, timeout_s=_READY_TIMEOUT_S):
        return False
    reader = JournalReader(town.data_dir / "journal.db")
    gateways = {gateway.id for gateway in town.site.gateway}
    deadline_s = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline_s and not stop.is_set():
        if gateways <= {row.device_id for row in reader.latest()} and _page_answers(town):
            return True
        stop.wait(0.1)
    return False


def _page_answers(town: DemoTown) -> bool:
    try:
        return httpx.get(town.page, timeout=2.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _introduce(town: DemoTown, console: Console) -> None:
    if town.broker_kind == "amqtt":
        console.print("MQTT: amqtt（デモ専用。町では mosquitto を使います / for the demo only; a town uses mosquitto）")
    console.print(f"ページ / page:      [bold]{town.page}[/bold]")
    console.print(f"郵便受け / mailbox: [bold]http://127.0.0.1:{town.mailbox_port}/[/bold]")
    console.print(f"記録 / files:       {town.data_dir}")
    console.print(
        f"60 時間の記録を {town.speed:g} 倍の速さで流します。/ Replaying 60 recorded hours at x{town.speed:g}."
    )
    console.print("終わるには Ctrl-C。/ Ctrl-C to stop.")


def _replay(town: DemoTown, stop: Event, console: Console) -> None:
    simulator = Supervisor(services=[town.simulator()], log_dir=town.data_dir / "log", tell=console.print)
    simulator.start()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    total_ns = SCENES_HOURS * 3_600_000_000_000
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("再生中 / replaying", total=total_ns)
            while not stop.is_set() and not progress.finished:
                progress.update(task, completed=min(total_ns, town.clock.now_ns() - SCENES_START_NS))
                stop.wait(0.2)
        # the last rows go out at the very end of the time line; the simulator ends by itself then
        stop.wait(2.0)
    finally:
        simulator.stop()
    console.print("再生が終わりました。機器はこのあと静かになります。/ Replay done; the devices fall silent now.")
