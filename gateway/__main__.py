from __future__ import annotations

import argparse
import sys
from pathlib import Path

from devices.clock import parse_clock
from devices.model import SatomoriError
from devices.signals import stop_on_signals
from devices.site_file import load_site
from gateway.run import GatewayOptions, run_gateway


def main() -> int:
    """Run one gateway until SIGTERM or SIGINT; exit code 2 and one line when the site or an option is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description="Read devices, keep every reading on disk, forward to the hub until it says it has them.",
    )
    parser.add_argument("--site", type=Path, required=True, metavar="FILE", help="the town's site.toml")
    parser.add_argument("--id", required=True, metavar="ID", help="which [[gateway]] of the site this process is")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder for the spool")
    parser.add_argument("--clock", default="", metavar="TEXT", help="town clock; default: real time")
    arguments = parser.parse_args()
    stop = stop_on_signals()
    try:
        options = GatewayOptions(
            site=load_site(arguments.site),
            gateway_id=arguments.id,
            data_dir=arguments.data,
            clock=parse_clock(arguments.clock),
        )
        run_gateway(options, stop)
    except SatomoriError as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201 - a command's one line
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
