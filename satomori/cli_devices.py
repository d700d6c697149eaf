"""`satomori devices`: which models are known, what one needs, and what is on a serial line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from satomori.cli_codec import add_codec
from satomori.cli_token import token

if TYPE_CHECKING:
    from devices.model import DeviceSpec
    from gateway.identify import Found

devices_app = typer.Typer(
    help="機器の一覧、使い方、回線の先の確認 / Known models, how to use one, what is on a serial line.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
devices_app.command("token")(token)
devices_app.command("add-codec")(add_codec)

_MOST_QUANTITIES = 5
_NOTHING, _STOPPED = 1, 130


@devices_app.command("list")
def list_models(
    match: Annotated[
        str, typer.Argument(help="Only models, vendors or quantities that contain this text.", metavar="[TEXT]")
    ] = "",
) -> None:
    """List the models: vendor, how they speak, what they measure, how often.

    機種の一覧（メーカー、つながり方、測るもの、間隔）。
    """
    from rich.console import Console
    from rich.table import Table

    from devices.quantities import QUANTITIES
    from devices.registry import load_catalog
    from satomori.device_help import interval_text, transport_of

    table = Table(show_lines=False)
    for title in ("機種 / model", "メーカー / vendor", "つなぎ方 / by", "測るもの / measures", "間隔 / every"):
        table.add_column(title, overflow="fold", no_wrap=title.endswith("model"))
    wanted = match.casefold()
    count = 0
    for name, spec in load_catalog().items():
        measured = [QUANTITIES[key].title_ja for key in spec.quantities]
        text = " ".join((name, spec.vendor, *spec.quantities, *measured)).casefold()
        if wanted not in text:
            continue
        count += 1
        shown = "、".join(measured[:_MOST_QUANTITIES]) + ("…" if len(measured) > _MOST_QUANTITIES else "")
        table.add_row(name, spec.vendor, transport_of(spec), shown, interval_text(spec))
    console = Console(markup=False)
    console.print(table)
    console.print(f"{count} 機種 / models. satomori devices show MODEL で詳しく / tells more of one")


@devices_app.command()
def show(model: Annotated[str, typer.Argument(help="Model name as in the list.", metavar="MODEL")]) -> None:
    """Show all that is needed to use a model: quantities, line, options, lines for site.toml, source.

    機種の使い方（測るもの、回線、設定項目、site.toml の書き方、出典）。
    """
    from rich.console import Console
    from rich.table import Table

    from devices.decode_file import find_model
    from satomori.device_help import notes_of, options_of, site_lines, title_of, unit_of

    spec = find_model(model)
    console = Console(markup=False, highlight=False)
    console.print(f"{spec.model}  （{spec.vendor}）")
    for line in _facts(spec):
        console.print(line)
    table = Table(title="測るもの / quantities", title_justify="left")
    for title in ("quantity", "", "単位 / unit"):
        table.add_column(title, overflow="fold")
    for key in spec.quantities:
        table.add_row(key, title_of(key), unit_of(key))
    console.print(table)
    rows, about = options_of(spec)
    if rows:
        table = Table(title="設定項目 / options", title_justify="left")
        for title in ("option", "値 / value", "既定 / default"):
            table.add_column(title, overflow="fold")
        for row in rows:
            table.add_row(row.key, row.kind, row.default or "（必須 / needed）")
        console.print(table)
        for text in about:
            console.print(text + "\n")
    console.print("site.toml:\n")
    typer.echo(site_lines(spec))
    if notes := notes_of(spec):
        console.print("覚え書き / notes\n")
        typer.echo(notes)


def _facts(spec: DeviceSpec) -> list[str]:
    from satomori.device_help import interval_text, transport_of, uplink_of

    facts = [f"つなぎ方 / by: {transport_of(spec)}", f"間隔 / every: {interval_text(spec)}"]
    if spec.serial is not None:
        line = spec.serial
        facts.append(f"回線 / line: {line.baud} baud, {line.bytesize}{line.parity}{line.stopbits}")
    if spec.polling is not None and spec.polling.addresses[0]:
        facts.append(f"回線上の番地 / bus address: {', '.join(spec.polling.addresses)}（探す範囲 / looked for）")
    uplink = uplink_of(spec)
    if uplink is not None:
        facts.append(f"受信 / uplink: {uplink.name}")
    if spec.default_port is not None:
        facts.append(f"LoRaWAN FPort: {spec.default_port}")
    return [*facts, f"出典 / source: {spec.source_url}"]


@devices_app.command()
def identify(
    port: Annotated[str, typer.Option("--port", help="Serial port, path or glob.", metavar="PATH")],
    baud: Annotated[
        int | None, typer.Option(help="Only this speed (default: the usual ones of all models).", min=50, max=4_000_000)
    ] = None,
    timeout_s: Annotated[float, typer.Option("--timeout-s", help="Give up after this many seconds.", min=1.0)] = 180.0,
) -> None:
    """Find out which known instrument is on a serial line, without changing anything on it; exit 1 when none is.

    回線の先の機器を調べる（まず聞き、次に「誰か」とだけたずねる。設定は変えない）。
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from devices.registry import load_catalog, load_uplinks
    from devices.signals import stop_on_signals
    from gateway.identify import Identifier, IdentifyOptions, Known, in_groups

    stop = stop_on_signals()
    console = Console(stderr=True, markup=False)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("…", total=1.0)
        identifier = Identifier(
            IdentifyOptions(port=port, baud=baud, timeout_s=timeout_s),
            Known(catalog=load_catalog(), uplinks=load_uplinks()),
            stop,
            progress=lambda text, part: bar.update(task, description=text, completed=part),
        )
        found = identifier.run()
    for group in in_groups(found):
        _tell(group, port)
    if stop.is_set():
        raise typer.Exit(_STOPPED)
    if not found:
        typer.echo(_nothing(identifier.heard_bytes))
        raise typer.Exit(_NOTHING)


def _tell(group: list[Found], port: str) -> None:
    """Print one instrument, and the lines for the first of the models that it may be: one that needs no options."""
    from devices.registry import load_catalog, load_uplinks
    from satomori.device_help import Place, site_lines, stick_lines

    first = min(group, key=lambda each: not each.is_stick and bool(load_catalog()[each.name].example_options))
    address = f", 番地 / address {first.address}" if first.address else ""
    typer.echo(f"# {first.name}: {first.format.as_text()}{address}: {first.detail}")
    if others := [each.name for each in group if each is not first]:
        typer.echo(f"# 次の機種かもしれません / may as well be: {', '.join(others)}")
    line = (load_uplinks() if first.is_stick else load_catalog())[first.name].serial
    baud = first.format.baud if line is None or line.baud != first.format.baud else None
    place = Place(port=port, address=first.address, baud=baud)
    if first.is_stick:
        typer.echo("\n".join(stick_lines(load_uplinks()[first.name], place)) + "\n")
    else:
        typer.echo(site_lines(load_catalog()[first.name], place))


def _nothing(heard_bytes: int) -> str:
    if heard_bytes:
        return (
            f"{heard_bytes} バイト受信しましたが、知っている機器ではありません（速度、極性、機種を確認） / "
            f"{heard_bytes} bytes came, but of no known instrument (check speed, polarity, model)"
        )
    return (
        "応答がありません（電源、配線、A と B の入れ違い、変換器を確認） / "
        "nobody answers (check power, wiring, A and B swapped, the adapter)"
    )
