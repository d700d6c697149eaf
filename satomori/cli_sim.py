"""`satomori sim`: replay recorded data over real transports, or record live data for later replays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

sim_app = typer.Typer(
    help="Replay recorded data over real transports, or record live data.", no_args_is_help=True, rich_markup_mode=None
)


@sim_app.command()
def replay(
    site: Annotated[
        Path, typer.Option("--site", help="The town's site.toml: which device speaks how.", metavar="FILE")
    ],
    input_: Annotated[
        list[str],
        typer.Option(
            "--input", help="Scene name, long-form .csv/.csv.gz, or a recording .jsonl; repeatable.", metavar="FILE"
        ),
    ],
    speed: Annotated[float, typer.Option(help="Recorded seconds per real second.", min=0.001)] = 1.0,
    unpaced: Annotated[bool, typer.Option("--unpaced", help="As fast as the transports take it.")] = False,
    clock: Annotated[
        str, typer.Option("--clock", help="Town clock to follow instead of --speed.", metavar="TEXT")
    ] = "",
    ledger: Annotated[
        Path | None, typer.Option(help="Write every reading sent as one JSON line.", metavar="FILE")
    ] = None,
) -> None:
    """Send recorded readings as the devices would: serial devices as pseudo-terminals, MQTT devices as MQTT clients."""
    from devices.clock import parse_clock
    from devices.signals import stop_on_signals
    from firmware_sim.replay import ReplayOptions, run_replay
    from satomori.cli import read_site

    options = ReplayOptions(
        site=read_site(site, "none"),
        inputs=tuple(input_),
        speed=None if unpaced else speed,
        clock=parse_clock(clock) if clock else None,
        ledger=ledger,
    )
    sent = run_replay(options, stop_on_signals())
    typer.echo(f"frames sent: {sent}")


@sim_app.command()
def record(
    out: Annotated[Path, typer.Option(help="Recording to write (JSON lines).", metavar="FILE")],
    host: Annotated[str, typer.Option(help="Broker host.")] = "127.0.0.1",
    port_number: Annotated[int, typer.Option(help="Broker TCP port.", min=1, max=65_535)] = 1883,
    topic: Annotated[list[str] | None, typer.Option(help="MQTT topics to record; repeatable.", metavar="TOPIC")] = None,
    serial: Annotated[str, typer.Option(help="Serial port to record instead of MQTT.", metavar="PATH")] = "",
    baud: Annotated[int, typer.Option(help="Speed of the serial port in baud.")] = 9600,
    seconds: Annotated[float, typer.Option(help="Stop after this many seconds; 0 = until Ctrl-C.", min=0.0)] = 0.0,
) -> None:
    """Record live MQTT messages or serial bytes with their times, as raw as they came, for `sim replay`."""
    from devices.signals import stop_on_signals
    from firmware_sim.record import RecordOptions, run_record

    options = RecordOptions(
        out=out,
        host=host,
        port_number=port_number,
        topics=tuple(topic or ()),
        serial_port=serial,
        baud=baud,
        seconds=seconds,
    )
    typer.echo(f"frames recorded: {run_record(options, stop_on_signals())}")
