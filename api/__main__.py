"""`python -m api`: the api process without the `satomori` command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from api.run import ApiOptions, run_api
from devices.clock import parse_clock
from devices.model import SatomoriError
from devices.signals import stop_on_signals
from devices.site_file import load_site


def main() -> int:
    """Read the options and run until SIGTERM or Ctrl-C; exit code 2 with one clear line on bad use."""
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the live page and the JSON API.")
    parser.add_argument("--site", type=Path, required=True, help="the town's site.toml")
    parser.add_argument(
        "--data", type=Path, default=Path("satomori-data"), help="folder of journal.db, alerts.db and orders.db"
    )
    parser.add_argument("--clock", default="", help="<real_start_ns>:<town_start_ns>:<speed>; default: real time")
    parser.add_argument("--host", default="127.0.0.1", help="address on which the page is served")
    parser.add_argument("--port", type=int, default=8080, help="TCP port of the page, 0 = any free one")
    parser.add_argument("--docs", action="store_true", help="serve a page that lists the API at /docs")
    options = parser.parse_args()
    stop = stop_on_signals()
    try:
        run_api(_api_options(options), stop)
    except (SatomoriError, OSError) as error:
        sys.stderr.write(f"python -m api: {error}\n")
        return 2
    return 0


def _api_options(options: argparse.Namespace) -> ApiOptions:
    return ApiOptions(
        site=load_site(options.site),
        data_dir=options.data,
        clock=parse_clock(options.clock),
        host=options.host,
        port=options.port,
        has_docs=options.docs,
    )


if __name__ == "__main__":
    sys.exit(main())
