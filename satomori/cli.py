"""The `satomori` command. Every sub-command is a few lines that call a room's function; rooms are imported when used.

Exit codes: 0 done, 1 the thing asked for went wrong, 2 bad use (one clear line says what).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer.exceptions import TyperException

from devices.model import PermanentError, SatomoriError
from satomori.cli_bench import bench
from satomori.cli_codec import decode
from satomori.cli_devices import devices_app
from satomori.cli_health import healthcheck
from satomori.cli_sim import sim_app
from satomori.cli_store import store_app

if TYPE_CHECKING:
    from devices.site import Site

app = typer.Typer(
    name="satomori",
    help="Satomori (里守り): IoT sensor gateway for snow, wildlife and watch services of small towns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(sim_app, name="sim")
app.add_typer(devices_app, name="devices")
app.add_typer(store_app, name="store")

SitePath = Annotated[Path, typer.Option("--site", help="The town's site.toml.", metavar="FILE")]
DataDir = Annotated[Path, typer.Option("--data", help="Folder for journal, spool and ledgers.", metavar="DIR")]
ClockText = Annotated[
    str,
    typer.Option(
        "--clock", help="Town clock <real_start_ns>:<town_start_ns>:<speed>; default: real time.", metavar="TEXT"
    ),
]
Room = Literal["rules", "channels", "stores", "none"]
_DEFAULT_DATA = Path("satomori-data")


def main() -> None:
    """Run the command; turn what Satomori raises on purpose into one clear line and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        _fail(" ".join(str(text).split()))
    except typer.Abort:
        sys.exit(130)
    except SatomoriError as error:
        _fail(str(error))
    except BrokenPipeError:
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(text: str) -> None:
    print(f"satomori: {text}", file=sys.stderr)
    sys.exit(2)


def read_site(path: Path, *rooms: Room) -> Site:
    """Return the Site in `path`, with the parameters of plugins checked by `rooms` (none named: by every room).

    A service names the room whose plugins it uses: a wrong rule must not keep the page from saying so.
    Raises SiteError listing all problems, one a line.
    """
    from devices.site_file import load_site

    checks = []
    if "rules" in rooms or not rooms:
        from ingest.setup import check_rules

        checks.append(check_rules)
    if "channels" in rooms or not rooms:
        from alerts.check import check_channels

        checks.append(check_channels)
    if "stores" in rooms or not rooms:
        from ingest.store_check import check_stores

        checks.append(check_stores)
    if not path.is_file():
        raise PermanentError(f"site file {path} does not exist; --site names the town's site.toml")
    return load_site(path, checks=checks)


def _data_dir(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermanentError(f"data folder {path} cannot be made: {error.strerror}") from error
    return path


@app.command()
def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Headless and accelerated; exit 0 only if all counts are right.")
    ] = False,
    speed: Annotated[
        float, typer.Option(help="Recorded seconds per real second (0 = 600, or 6000 with --check).", min=0.0)
    ] = 0.0,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder to keep the demo's files (default: a new temporary one).")
    ] = None,
    broker: Annotated[
        Literal["auto", "amqtt"], typer.Option(hidden=True, help="amqtt: as if mosquitto were not installed.")
    ] = "auto",
) -> None:
    """Start everything with embedded defaults and replay recorded data of all three domains."""
    from satomori.town import DemoOptions

    options = DemoOptions(data_dir=data, speed=speed or (6000.0 if check else 600.0), broker=broker)
    if check:
        from satomori.demo_check import run_demo_check

        raise typer.Exit(run_demo_check(options))
    from satomori.demo import run_demo

    raise typer.Exit(run_demo(options))


@app.command()
def up(
    site: SitePath,
    data: DataDir = _DEFAULT_DATA,
    host: Annotated[str, typer.Option(help="Address on which the page is served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port of the page.", min=1, max=65_535)] = 8080,
    clock: ClockText = "",
    broker: Annotated[
        bool, typer.Option("--broker/--no-broker", help="Start a broker on [broker] port, or use the one there.")
    ] = True,
) -> None:
    """Run all services of a town on this box as supervised child processes, until SIGTERM or Ctrl-C."""
    from devices.signals import stop_on_signals
    from satomori.services import TownOptions
    from satomori.up import run_up

    options = TownOptions(
        site_path=site, data_dir=_data_dir(data), api_host=host, api_port=port, clock_text=clock,
        broker="auto" if broker else "none",
    )  # fmt: skip
    run_up(read_site(site), options, stop_on_signals())


@app.command()
def gateway(
    site: SitePath,
    id_: Annotated[str, typer.Option("--id", help="Which [[gateway]] of the site this process is.", metavar="ID")],
    data: DataDir = _DEFAULT_DATA,
    clock: ClockText = "",
) -> None:
    """Read devices, keep every reading on disk, forward to the hub until it says it has them."""
    from devices.clock import parse_clock
    from devices.signals import stop_on_signals
    from gateway.run import GatewayOptions, run_gateway

    options = GatewayOptions(
        site=read_site(site, "none"), gateway_id=id_, data_dir=_data_dir(data), clock=parse_clock(clock)
    )
    run_gateway(options, stop_on_signals())


@app.command()
def ingest(site: SitePath, data: DataDir = _DEFAULT_DATA, clock: ClockText = "") -> None:
    """Take readings from seam 2, check them, apply rules, commit to the journal, then acknowledge."""
    from devices.clock import parse_clock
    from devices.signals import stop_on_signals
    from ingest.run import IngestOptions, run_ingest

    run_ingest(
        IngestOptions(site=read_site(site, "rules"), data_dir=_data_dir(data), clock=parse_clock(clock)),
        stop_on_signals(),
    )


@app.command()
def forward(site: SitePath, data: DataDir = _DEFAULT_DATA, clock: ClockText = "") -> None:
    """Forward the journal to the stores of the site ([store.influx]), at their own pace."""
    from devices.clock import parse_clock
    from devices.signals import stop_on_signals
    from ingest.forward import ForwardOptions, run_forward

    run_forward(
        ForwardOptions(site=read_site(site, "stores"), data_dir=_data_dir(data), clock=parse_clock(clock)),
        stop_on_signals(),
    )


@app.command()
def alerts(site: SitePath, data: DataDir = _DEFAULT_DATA, clock: ClockText = "") -> None:
    """Turn events into alerts, tell people by the routes of the site, keep proof of every message."""
    from alerts.run import AlertsOptions, run_alerts
    from devices.clock import parse_clock
    from devices.signals import stop_on_signals

    run_alerts(
        AlertsOptions(site=read_site(site, "channels"), data_dir=_data_dir(data), clock=parse_clock(clock)),
        stop_on_signals(),
    )


@app.command()
def api(
    site: SitePath,
    data: DataDir = _DEFAULT_DATA,
    host: Annotated[str, typer.Option(help="Address on which the page is served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port of the page.", min=1, max=65_535)] = 8080,
    clock: ClockText = "",
    notice: Annotated[str, typer.Option(hidden=True, help="A sentence shown at the head of the page.")] = "",
) -> None:
    """Serve the live page and the JSON API."""
    from api.run import ApiOptions, run_api
    from devices.clock import parse_clock
    from devices.signals import stop_on_signals

    options = ApiOptions(
        site=read_site(site, "none"),
        data_dir=_data_dir(data),
        clock=parse_clock(clock),
        host=host,
        port=port,
        notice=notice,
    )
    run_api(options, stop_on_signals())


app.command()(decode)
app.command()(healthcheck)
app.command()(bench)


@app.command()
def backtest(
    site: SitePath,
    input_: Annotated[
        list[Path],
        typer.Option("--input", help="Recorded readings, long-form .csv or .csv.gz; repeatable.", metavar="FILE"),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for observations.csv, events.jsonl, alerts.jsonl, deliveries.jsonl, summary.json.",
            metavar="DIR",
        ),
    ],
    until: Annotated[
        str, typer.Option(help="Let the clock run on to this ISO 8601 time (default: the last reading).", metavar="ISO")
    ] = "",
) -> None:
    """Run recorded data through the very same core, unpaced, and write what it would have concluded and told."""
    from satomori.backtest import BacktestOptions, run

    summary = run(BacktestOptions(site=read_site(site), inputs=tuple(input_), out_dir=out, until=until))
    typer.echo(json.dumps(summary, ensure_ascii=False, sort_keys=True))


@app.command()
def doctor(
    site: Annotated[Path | None, typer.Option("--site", help="Check this site.toml too.", metavar="FILE")] = None,
    data: DataDir = _DEFAULT_DATA,
) -> None:
    """Say in plain words what is wrong with this installation; exit 0 if nothing is, else 1."""
    from satomori.doctor import examine

    findings = examine(site_path=site, data_dir=data)
    for finding in findings:
        typer.echo(finding.as_text())
    raise typer.Exit(1 if any(finding.is_wrong for finding in findings) else 0)


@app.command(hidden=True)
def mailbox(
    data: DataDir,
    smtp_port: Annotated[int, typer.Option(help="SMTP port on loopback.")],
    http_port: Annotated[int, typer.Option(help="Port of the reading page on loopback.")],
) -> None:
    """Run the demo's local mailbox."""
    from devices.logs import setup_logging
    from devices.signals import stop_on_signals
    from satomori.mailbox import MailboxOptions, run_mailbox

    setup_logging(service="mailbox")
    run_mailbox(MailboxOptions(folder=data, smtp_port=smtp_port, http_port=http_port), stop_on_signals())
