"""A pure-Python MQTT broker on loopback, as a process of its own: for the demo and tests where mosquitto is absent.

It keeps no session over a restart and loses what it queued; gateways lose nothing all the same (receipts), but bought
sensors that publish to it directly may. Never for production.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from devices.logs import setup_logging

log = logging.getLogger(__name__)


async def serve(port: int) -> None:
    """Serve MQTT 3.1.1 on 127.0.0.1:`port` until SIGTERM or SIGINT."""
    from amqtt.broker import Broker  # optional: only the demo extra brings it

    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = Broker(config)
    await broker.start()
    log.warning("amqtt_broker_started", extra={"port": port, "for_production": False})
    await stop.wait()
    await broker.shutdown()


def main() -> None:
    """Run from the command line: `python -m satomori.amqtt_broker PORT`."""
    setup_logging(service="broker", level="WARNING")
    asyncio.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
