"""`python -m ingest`: the ingest process without the `satomori` command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from devices.clock import parse_clock
from devices.model import SatomoriError
from devices.signals import stop_on_signals
from devices.site_file import load_site
from ingest.run import IngestOptions, run_ingest
from ingest.setup import check_rules


def main() -> int:
    """Read the options and run until SIGTERM or Ctrl-C; exit code 2 with one clear line on bad use."""
    parser = argparse.ArgumentParser(prog="python -m ingest", description="Readings of seam 2 into the journal.")
    parser.add_argument("--site", type=Path, required=True, help="the town's site.toml")
    parser.add_argument("--data", type=Path, default=Path("satomori-data"), help="folder of journal.db")
    parser.add_argument("--clock", default="", help="<real_start_ns>:<town_start_ns>:<speed>; default: real time")
    options = parser.parse_args()
    stop = stop_on_signals()
    try:
        site = load_site(options.site, checks=(check_rules,))
        options.data.mkdir(parents=True, exist_ok=True)
        run_ingest(IngestOptions(site=site, data_dir=options.data, clock=parse_clock(options.clock)), stop)
    except (SatomoriError, OSError) as error:
        sys.stderr.write(f"python -m ingest: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
