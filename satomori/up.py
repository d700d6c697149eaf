"""`satomori up`: a town's services on this box, announced once the page answers, until told to stop."""

from __future__ import annotations

import socket
from threading import Event

from devices.model import PermanentError
from devices.site import Site
from satomori.services import TownOptions, town_services
from satomori.supervise import Supervisor, wait_for_port

_ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to
_LOOK_S = 0.1


def run_up(site: Site, options: TownOptions, stop: Event) -> None:
    """Start and watch all services until `stop` is set.

    Raises PermanentError when a port is taken: a service would start again and again and never say why.
    """
    check_ports(site, options)
    supervisor = Supervisor(services=town_services(site, options), tell=_tell)
    _tell("里守りを始めます… / starting Satomori…")
    try:
        supervisor.start(stop)
        while not stop.is_set() and not wait_for_port(options.api_port, timeout_s=_LOOK_S, stop=stop):
            supervisor.look()
        if not stop.is_set():
            host = "127.0.0.1" if options.api_host in _ANYWHERE else options.api_host
            _tell(f"里守りが動いています / Satomori is running: http://{host}:{options.api_port}/")
        supervisor.run(stop)
    finally:
        supervisor.stop()


def check_ports(site: Site, options: TownOptions) -> None:
    """Raise PermanentError naming the port of the page or the broker that another program holds."""
    if not _is_free(options.api_host, options.api_port):
        raise PermanentError(f"port {options.api_port} on {options.api_host} is taken; give the page another: --port N")
    if options.broker != "none" and not _is_free("127.0.0.1", site.broker.port):
        raise PermanentError(
            f"port {site.broker.port} is taken, perhaps by an MQTT broker: use that one with --no-broker,"
            " or change [broker] port"
        )


def _is_free(host: str, port: int) -> bool:
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # as servers do: the last connections of a town that has just been stopped do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError:
        return False
    return True


def _tell(text: str) -> None:
    print(text, flush=True)
