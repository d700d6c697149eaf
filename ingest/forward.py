"""The forward process: journal in, stores out, until it is told to stop. `python -m ingest.forward`.

One thread a store, each with its own connection to journal and book, so that a dead store delays no other.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from devices.clock import Clock, parse_clock
from devices.logs import setup_logging
from devices.model import PermanentError, SatomoriError, TransientError
from devices.signals import stop_on_signals
from devices.site import Site
from devices.site_file import load_site
from ingest.feed import JournalFeed
from ingest.forward_book import FORWARD_FILE, Doubles, ForwardBook
from ingest.forwarder import Forwarder, ForwardParts, Pace, StoppedError
from ingest.journal_read import JournalReader
from ingest.run import JOURNAL_FILE
from ingest.store_check import SiteStore, check_stores, forwarded_stores

log = logging.getLogger(__name__)

_POLL_S = 0.5
_FAULT_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardOptions:
    """What forwarding needs: the site with its stores, the folder of `journal.db`, the town's clock."""

    site: Site
    data_dir: Path
    clock: Clock = field(default_factory=Clock)
    pace: Pace = field(default_factory=Pace)


def run_forward(options: ForwardOptions, stop: Event) -> None:
    """Forward to every store of the site until `stop` is set.

    Raises PermanentError when the site names no store to forward to.
    """
    setup_logging(service="forward")
    stores = forwarded_stores(options.site)
    if not stores:
        raise PermanentError("the site names no store to forward to; [store.influx] is one")
    threads = [
        Thread(target=_serve, args=(name, store, options, stop), name=f"forward-{name}")
        for name, store in stores.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def open_parts(name: str, site_store: SiteStore, options: ForwardOptions, *, place: str = "") -> Iterator[ForwardParts]:
    """Give what a forwarder needs; `place` is what its place is called in the book, by default the store's name.

    Raises TransientError when the book cannot be opened.
    """
    store = site_store.open()
    if store is None:
        raise PermanentError(f"store {name!r} takes nothing from the journal: it is the journal")
    site, now_ns = options.site, options.clock.now_ns()
    present = {device.id: device.station for device in site.device}
    present |= {gateway.id: gateway.station for gateway in site.gateway}
    with (
        closing(store),
        closing(ForwardBook(options.data_dir / FORWARD_FILE)) as book,
        closing(JournalReader(options.data_dir / JOURNAL_FILE)) as reader,
    ):
        yield ForwardParts(
            name=place or name,
            store_name=name,
            store=store,
            feed=JournalFeed(reader, book.stations(present, now_ns=now_ns), Doubles(options.data_dir / FORWARD_FILE)),
            book=book,
            now_ns=options.clock.now_ns,
            batch_points=site_store.batch_points,
            pace=options.pace,
        )


def _serve(name: str, store: SiteStore, options: ForwardOptions, stop: Event) -> None:
    while not stop.is_set():
        try:
            with open_parts(name, store, options) as parts:
                log.info("forward_started", extra={"store": name})
                _forward(Forwarder(parts, stop), stop)
        except StoppedError:
            break
        except TransientError as error:
            log.warning("forward_fault", extra={"store": name, "error": str(error)})
        except Exception:
            log.exception("forward_failed", extra={"store": name})
        stop.wait(_FAULT_PAUSE_S)
    log.info("forward_stopped", extra={"store": name})


def _forward(forwarder: Forwarder, stop: Event) -> None:
    while not stop.is_set():
        if not forwarder.step():
            stop.wait(_POLL_S)


def main() -> int:
    """Read the options and run until SIGTERM or Ctrl-C; exit code 2 with one clear line on bad use."""
    parser = argparse.ArgumentParser(prog="python -m ingest.forward", description="Journal to the stores of the site.")
    parser.add_argument("--site", type=Path, required=True, help="the town's site.toml")
    parser.add_argument("--data", type=Path, default=Path("satomori-data"), help="folder of journal.db and forward.db")
    parser.add_argument("--clock", default="", help="<real_start_ns>:<town_start_ns>:<speed>; default: real time")
    options = parser.parse_args()
    stop = stop_on_signals()
    try:
        site = load_site(options.site, checks=(check_stores,))
        options.data.mkdir(parents=True, exist_ok=True)
        run_forward(ForwardOptions(site=site, data_dir=options.data, clock=parse_clock(options.clock)), stop)
    except (SatomoriError, OSError) as error:
        sys.stderr.write(f"python -m ingest.forward: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
