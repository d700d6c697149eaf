"""Starts alert services quickly, to be killed: `python -m tests.alerts.nursery <data folder> <site changes as JSON>`.

Everything is imported once; for each line on stdin one forked process runs the service, and its pid is printed. At the
end of stdin the nursery ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from threading import Event

from alerts.plan import make_planner
from alerts.run import AlertsOptions, run_alerts
from devices.clock import start_clock
from devices.model import SatomoriError
from tests.alerts.town import T0_NS, site


def main() -> None:
    options = AlertsOptions(
        site=site(**json.loads(sys.argv[2])),
        data_dir=Path(sys.argv[1]),
        clock=start_clock(town_start_ns=T0_NS, speed=1.0),
    )
    make_planner(options.site)  # imports the channels once and for all
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for _line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            serve(options)
        print(pid, flush=True)


def serve(options: AlertsOptions) -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    try:
        run_alerts(options, stop)
    except SatomoriError as error:
        sys.stderr.write(f"service ended: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
