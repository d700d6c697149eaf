"""`satomori sim`: replay recorded data over real transports, record live data, stand in for a serial instrument."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from devices.model import PermanentError

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


@sim_app.command()
def instrument(
    model: Annotated[str, typer.Argument(help="Model of the catalogue (satomori devices list).", metavar="MODEL")],
    port: Annotated[Path, typer.Option("--port", help="Link to make; a gateway opens it as its port.", metavar="LINK")],
    value: Annotated[
        list[str] | None, typer.Option(help="What it measures, such as distance=1.838; repeat.", metavar="KEY=NUMBER")
    ] = None,
    address: Annotated[str, typer.Option(help="Its bus address (default: as it leaves the factory).")] = "",
    option: Annotated[
        list[str] | None, typer.Option(help="An option as in site.toml, a value in JSON; repeat.", metavar="KEY=VALUE")
    ] = None,
    every_s: Annotated[
        float | None, typer.Option(help="How often one that speaks unasked speaks, in seconds.", min=0.01)
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND:SECONDS@START, such as unplug:5@10; repeat. Kinds: unplug, rename, garbage, silence, echo, "
            "wrong.",
            metavar="FAULT",
        ),
    ] = None,
) -> None:
    """Stand in for a serial instrument on a pseudo-terminal, with the troubles of real lines, until Ctrl-C."""
    from devices.decode_file import find_model
    from devices.signals import stop_on_signals
    from firmware_sim.instruments import InstrumentOptions, fitted, run_instrument
    from firmware_sim.line_faults import parse_trouble

    spec = find_model(model)
    options = InstrumentOptions(
        link=port,
        spec=fitted(spec, _pairs(option) or spec.example_options),
        values={key: _number(key, text) for key, text in _pairs(value).items()},
        address=address,
        every_s=every_s,
        troubles=tuple(parse_trouble(text) for text in fault or ()),
    )
    run_instrument(options, stop_on_signals())


def _pairs(texts: list[str] | None) -> dict[str, Any]:
    """Read KEY=VALUE; a value that is no JSON is a text."""
    pairs: dict[str, Any] = {}
    for text in texts or ():
        key, equals, written = text.partition("=")
        if not key or not equals:
            raise PermanentError(f"{text!r} is not KEY=VALUE")
        try:
            pairs[key] = json.loads(written)
        except ValueError:
            pairs[key] = written
    return pairs


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PermanentError(f"{key}={value!r} is not a number")
    return float(value)
