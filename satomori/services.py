"""Which child processes a site needs, in the order in which they start: broker, hub, page, gateways."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from devices.site import Site
from satomori.broker import BrokerChoice, choose_broker, prepare_broker
from satomori.supervise import Service

AMQTT_NOTICE = (
    "MQTT ブローカーは amqtt です（デモ・試験専用。本番では mosquitto を使います）。"
    " / MQTT broker: amqtt, for demo and tests only; a town uses mosquitto."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TownOptions:
    """One town on one box.

    `clock_text` is a `devices.clock` text, empty for real time. `notice` is a sentence at the head of the page.
    """

    site_path: Path
    data_dir: Path
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    clock_text: str = ""
    broker: BrokerChoice = "auto"
    notice: str = ""


def town_services(site: Site, options: TownOptions) -> list[Service]:
    """Return the services of the whole town on this box.

    The readers of a queue start before its writers, so that nothing waits longer than it must: the hub subscribes
    before a device can publish.
    """
    services: list[Service] = []
    notice = options.notice
    if options.broker != "none":
        mosquitto = choose_broker(options.broker)
        broker = prepare_broker(data_dir=options.data_dir, port=site.broker.port, mosquitto=mosquitto)
        services.append(Service(name="broker", argv=broker.argv, listens_on=broker.port))
        notice = " ".join(text for text in (notice, AMQTT_NOTICE if broker.kind == "amqtt" else "") if text)
    services.append(_service("ingest", options))
    services.append(_service("alerts", options))
    if set(site.store) - {"journal"}:
        services.append(_service("forward", options))
    page = ("--host", options.api_host, "--port", str(options.api_port))
    services.append(_service("api", options, *page, *(("--notice", notice) if notice else ())))
    services += [
        _service("gateway", options, "--id", gateway.id, name=f"gateway-{gateway.id}") for gateway in site.gateway
    ]
    return services


def _service(command: str, options: TownOptions, *more: str, name: str = "") -> Service:
    argv = [sys.executable, "-m", "satomori", command]
    argv += ["--site", str(options.site_path), "--data", str(options.data_dir)]
    if options.clock_text:
        argv += ["--clock", options.clock_text]
    return Service(name=name or command, argv=(*argv, *more))
