"""`satomori demo`: the whole house on this machine, with recorded data of all three domains."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import Event

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from devices.signals import stop_on_signals
from ingest.journal_read import JournalReader
from satomori.supervise import Supervisor
from satomori.town import SCENES_START_NS, DemoOptions, DemoTown, prepare_town

SCENES_NS = 60 * 3_600_000_000_000
_READY_TIMEOUT_S = 30.0
_LOOK_S = 0.1
_PARTS_TOLD = 10  # without a terminal, progress is a line for each tenth

Tell = Callable[[str], None]
ShowShare = Callable[[float], None]


class _Voice:
    """What the demo says, on a terminal or into a file."""

    def __init__(self) -> None:
        self._console = Console()

    def tell(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    @contextmanager
    def progress(self) -> Iterator[ShowShare]:
        """Give what shows a share from 0 to 1: a bar on a terminal, a line for every tenth elsewhere."""
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
            with Progress(*columns, console=self._console) as progress:
                task = progress.add_task("再生中 / replaying", total=1.0)
                yield lambda share: progress.update(task, completed=share)
            return
        told = 0

        def show_line(share: float) -> None:
            nonlocal told
            if int(share * _PARTS_TOLD) > told:
                told = int(share * _PARTS_TOLD)
                self.tell(f"再生中 / replaying: {told * 100 // _PARTS_TOLD} %")

        yield show_line


def run_demo(options: DemoOptions) -> int:
    """Start the town, replay the scenes once, keep everything running until Ctrl-C; return the exit code."""
    voice = _Voice()
    tell = voice.tell
    stop = stop_on_signals()
    tell("里守りを始めます。/ Starting Satomori.")
    town = prepare_town(options)
    log_dir = town.data_dir / "log"
    supervisor = Supervisor(services=town.services, log_dir=log_dir, tell=tell)
    simulator = Supervisor(services=[town.simulator()], log_dir=log_dir, tell=tell)
    try:
        simulator.start(stop)
        supervisor.start(stop)
        is_ready = wait_until_ready(town, supervisor, stop, tell=tell)
        if is_ready:
            _introduce(town, tell)
            town.clock.open_gate()
            _follow_replay(town, (supervisor, simulator), stop, voice)
            supervisor.run(stop)
    finally:
        simulator.stop()
        supervisor.stop()
    if not is_ready and not stop.is_set():
        tell(f"始まりませんでした。{town.data_dir / 'log'} を見てください。/ Did not start; see the logs there.")
        return 1
    town.tidy()
    tell("終わりました。/ Stopped.")
    return 0


def wait_until_ready(town: DemoTown, supervisor: Supervisor, stop: Event, *, tell: Tell) -> bool:
    """Return True once the page answers, a heartbeat of every gateway has come all the way into the journal and the
    simulator may speak.

    Says what has come up; False when it takes more than 30 s or when told to stop.
    """
    reader = JournalReader(town.data_dir / "journal.db")
    awaited = {gateway.id: gateway.name for gateway in town.site.gateway}
    awaited |= {"page": "ページ / page", "simulator": "シミュレーター / simulator"}
    deadline_s = time.monotonic() + _READY_TIMEOUT_S
    tell("始めています… / starting…")
    try:
        while awaited and time.monotonic() < deadline_s and not stop.is_set():
            supervisor.look()
            there = {row.device_id for row in reader.latest()}
            there |= {"page"} if "page" in awaited and http_status(town.page) == HTTPStatus.OK else set()
            there |= {"simulator"} if town.ledger.exists() else set()  # made once all serial lines have a reader
            for part in sorted(there & awaited.keys()):
                tell(f"  ✓ {awaited.pop(part)}")
            stop.wait(_LOOK_S)
    finally:
        reader.close()
    return not awaited


def http_status(address: str) -> int:
    """Return the HTTP status with which `address` answers, 0 when nothing does."""
    try:
        with urllib.request.urlopen(address, timeout=5.0) as answer:  # noqa: S310 - our own page on loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _introduce(town: DemoTown, tell: Tell) -> None:
    if town.broker_kind == "amqtt":
        tell("MQTT: amqtt（デモ専用。町では mosquitto を使います / for the demo only; a town uses mosquitto）")
    tell(f"ページ / page:      {town.page}")
    tell(f"郵便受け / mailbox: http://127.0.0.1:{town.mailbox_port}/")
    tell(f"記録 / files:       {town.data_dir}")
    tell(f"60 時間の記録を {town.speed:g} 倍の速さで流します。/ Replaying 60 recorded hours at x{town.speed:g}.")
    tell("終わるには Ctrl-C。/ Ctrl-C to stop.")


def _follow_replay(town: DemoTown, running: tuple[Supervisor, Supervisor], stop: Event, voice: _Voice) -> None:
    """Keep the services running and show how far the replay is, until the simulator (the second) has ended."""
    supervisor, simulator = running
    with voice.progress() as show_share:
        while simulator.is_running() and not stop.is_set():
            supervisor.look()
            show_share(max(0.0, min(1.0, (town.clock.now_ns() - SCENES_START_NS) / SCENES_NS)))
            stop.wait(_LOOK_S)
    if stop.is_set():
        return
    if simulator.exit_codes().get("simulator") == 0:
        voice.tell("再生が終わりました。機器はこのあと静かになります。ページは見られます。")
        voice.tell("The replay is over; the devices fall silent now. The page stays.")
    else:
        log = town.data_dir / "log" / "simulator.log"
        voice.tell(f"再生が途中で止まりました。{log} を見てください。/ The replay failed; see there.")
