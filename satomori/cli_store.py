"""`satomori store`: how the copy of the history is, and copying what the journal already holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from devices.clock import Clock
from devices.model import SECOND_NS, PermanentError

if TYPE_CHECKING:
    from devices.site import Site
    from ingest.forward import ForwardOptions
    from ingest.forward_book import ForwardReader
    from ingest.journal_read import JournalReader

store_app = typer.Typer(
    name="store",
    help="Where the history is copied to (InfluxDB): state, refused points, copying.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SitePath = Annotated[Path, typer.Option("--site", help="The town's site.toml.", metavar="FILE")]
DataDir = Annotated[Path, typer.Option("--data", help="Folder of journal.db and forward.db.", metavar="DIR")]
_DEFAULT_DATA = Path("satomori-data")
_MOST_REFUSED = 20
SILENT_S = 60.0
"""A forwarder speaks every few seconds, also while its store is away."""
_STATES = {
    "ok": "動いています / working",
    "copying": "これまでの記録を写しています / copying the history",
    "away": "相手が応答しません。届きしだい送ります / the store is away; all is sent once it is back",
    "refusing": "相手がすべて断っています / the store refuses everything",
}


def read_store_site(path: Path) -> Site:
    """Return the Site in `path` with its stores checked. Raises SiteError listing all problems."""
    from devices.site_file import load_site
    from ingest.store_check import check_stores

    if not path.is_file():
        raise PermanentError(f"site file {path} does not exist; --site names the town's site.toml")
    return load_site(path, checks=(check_stores,))


@store_app.command()
def status(site: SitePath, data: DataDir = _DEFAULT_DATA) -> None:
    """Say how the forwarding is, and which points a store would not take.

    記録の写し先の様子と、受け取られなかった値を示す。
    """
    from ingest.forward_book import FORWARD_FILE, ForwardReader
    from ingest.journal_read import JournalReader
    from ingest.run import JOURNAL_FILE
    from ingest.store_check import forwarded_stores

    stores = forwarded_stores(read_store_site(site))
    if not stores:
        typer.echo("記録は journal.db だけにあります / the history is in journal.db alone; no [store.…] in site.toml")
        return
    book, journal = ForwardReader(data / FORWARD_FILE), JournalReader(data / JOURNAL_FILE)
    for name in stores:
        for line in _status_lines(name, book, journal):
            typer.echo(line)
    for point in book.refused(limit=_MOST_REFUSED):
        said = "NaN" if point.value is None else repr(point.value)
        typer.echo(f"refused: {point.device_id} {point.quantity} {said} at {point.observed_ns} ns: {point.reason}")


def _status_lines(name: str, book: ForwardReader, journal: JournalReader) -> Iterator[str]:
    found = next((state for state in book.statuses() if state.store == name), None)
    if found is None:
        yield f"{name}: まだ動いていません / not started yet (`satomori forward`)"
        return
    silent_s = (Clock().now_ns() - found.heartbeat_ns) / SECOND_NS
    if silent_s > SILENT_S:
        yield f"{name}: 動いていません / not running (`satomori forward`); last sign of life {silent_s:.0f} s ago"
    else:
        yield f"{name}: {_STATES[found.state]}" + (f" ({found.said})" if found.said else "")
    places = book.places()
    place, by_hand = places.get(name), places.get(f"migrate.{name}")
    if by_hand is not None and by_hand.is_copying:
        yield "  写しは途中です / copying by hand is not finished; `satomori store migrate` goes on"
    if place is not None and not place.is_copying:
        is_behind = journal.commit_no() > place.commit_no
        yield f"  {'送っていない記録があります / more to send' if is_behind else '最新です / up to date'}"
    for (store, counter), value in book.counters().items():
        if store == name:
            yield f"  {counter}: {value}"


@store_app.command()
def migrate(
    site: SitePath,
    data: DataDir = _DEFAULT_DATA,
    from_: Annotated[str, typer.Option("--from", help="Where the history is: journal.")] = "journal",
    to: Annotated[str, typer.Option("--to", help="Where it goes: a store of site.toml.")] = "influx",
    again: Annotated[bool, typer.Option("--again", help="Begin at the beginning, though it was done before.")] = False,
) -> None:
    """Copy the history of the journal; may be interrupted (Ctrl-C) at any time and goes on where it was.

    これまでの記録を写す。途中で止めても、次に続きから始まる。
    """
    from devices.signals import stop_on_signals
    from ingest.forward import ForwardOptions
    from ingest.store_check import forwarded_stores

    if from_ != "journal":
        raise typer.BadParameter(f"--from {from_!r}: only the journal can be copied from")
    town = read_store_site(site)
    if to not in forwarded_stores(town):
        raise typer.BadParameter(f"--to {to!r}: site.toml has no [store.{to}]")
    if not (data / "journal.db").is_file():
        raise PermanentError(f"there is no journal.db in {data}; --data names the folder")
    done = _copy(ForwardOptions(site=town, data_dir=data), to, again=again, stop=stop_on_signals())
    raise typer.Exit(0 if done else 130)


def _copy(options: ForwardOptions, to: str, *, again: bool, stop: Event) -> bool:
    """Copy with a progress bar; return whether it came to the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ingest.migrate import Migration

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Migration.begin(options, to=to, again=again, stop=stop) as migration:
        if migration.is_done():
            console.print(f"{to}: もう写してあります / copied already (--again copies once more)")
            return True
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(f"journal → {to}", total=migration.total, completed=migration.copied)
            for copied in migration.run():
                bar.update(task, completed=copied, total=max(migration.total, copied))
    counts = ", ".join(f"{name} {count}" for name, count in sorted(migration.counts.items()) if count)
    if migration.is_done():
        console.print(f"{to}: 写し終えました / done: {migration.total} rows ({counts or 'nothing sent'})")
    else:
        console.print(f"{to}: 途中です。同じ命令で続きます / interrupted; the same command goes on")
        console.print(
            f"  ({counts or 'nothing sent'}; 最後の1分ほどはもう一度送ります / the last minute is sent again)"
        )
    if migration.counts.get("accepted", 0) > migration.total:
        console.print("  二度送ったものも1つの点です / what was sent twice is one point")
    return migration.is_done()
