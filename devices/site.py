"""The Site: which stations, devices, homes, people, rules and routes a town has. Frozen; unknown keys are refused.

`site.toml` is read by `devices.site_file.load_site`, which lists all problems at once with line and key. Parameters
of rules, checks and channels are checked by the room that owns the plugin (see `SiteCheck`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Domain = Literal["snow", "wildlife", "watch", "system"]
SeverityKey = Literal["info", "warning", "critical", "life"]
Language = Literal["ja", "ja_easy", "en"]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Town(_Part):
    """`[town]`: whose box this is. `office_phone` is printed in long messages."""

    id: Id
    name: Name
    timezone: str = "Asia/Tokyo"
    office_phone: str = ""


class Station(_Part):
    """`[[station]]`: a place. `domain` decides who sees it and how it is shown."""

    id: Id
    name: Name
    domain: Domain
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    elevation_m: float | None = None


class PushToken(_Part):
    """`[[gateway.source.token]]`: one sender of pushes; `sha256` of its token (`satomori devices token` makes one).

    `devices` are those it may speak for; empty = all. The token itself never stands in a file of the site.
    """

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    devices: tuple[str, ...] = ()


class Source(_Part):
    """`[[gateway.source]]`: one line or broker that a gateway listens to.

    `serial`: `port` (path or glob such as /dev/serial/by-id/…) and one of `device` (the device on that line),
    `devices` (polled instruments that share it, told apart by their `bus_address`) or `uplink` (a radio stick that
    hears many); `baud` and `parity` only when they differ from the model's. `mqtt`: `host`, `port_number`, `uplink`
    (name of a network envelope), `topics` only when they differ from the uplink's. `http`: `host` and `port_number` to
    listen on, `uplink`; `token` says who may push what. `options` go to the uplink's plugin.
    """

    kind: Literal["serial", "mqtt", "http"]
    port: str = ""
    device: str = ""
    devices: tuple[str, ...] = ()
    baud: Annotated[int, Field(ge=50, le=4_000_000)] | None = None
    parity: Literal["N", "E", "O"] | None = None
    host: str = "127.0.0.1"
    port_number: Annotated[int, Field(ge=1, le=65_535)] = 1883
    uplink: str = ""
    topics: tuple[str, ...] = ()
    token: tuple[PushToken, ...] = ()
    options: dict[str, Any] = {}


class Gateway(_Part):
    """`[[gateway]]`: a box that reads devices and forwards. It is itself a device that must not fall silent."""

    id: Id
    name: Name
    station: str = ""
    heartbeat_interval_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    spool_max_mib: Annotated[int, Field(ge=1, le=65_536)] = 512
    source: tuple[Source, ...] = ()


class Device(_Part):
    """`[[device]]`: one instrument.

    `model` names a catalogue entry; `senml` is a device that publishes on seam 2 by itself. `address` is its address
    on the network (DevEUI, Zigbee friendly name, …); `bus_address` that of a polled instrument on its line, asked every
    `poll_interval_s`; `options` go to the model's plugin. `parent` is the gateway or device whose silence explains this
    one's (a parent unit, a network gateway). `mount_height_m` turns a distance into a snow depth;
    `temperature_from` names the device whose `air_temperature` corrects it (only for gauges that do not correct
    themselves). `sprung_when` is the polarity of a trap contact. `expected_interval_s` overrides the model's.
    `quantities` lists the channels that must not fall silent (default: every channel once heard).
    """

    id: Id
    name: Name
    model: str
    station: Id
    address: str = ""
    bus_address: Annotated[str, Field(max_length=32)] = ""
    poll_interval_s: Annotated[float, Field(ge=0.5, le=86_400)] | None = None
    parent: str = ""
    options: dict[str, Any] = {}
    mount_height_m: Annotated[float, Field(gt=0, le=30)] | None = None
    temperature_from: str = ""
    sprung_when: Literal["open", "closed"] = "open"
    expected_interval_s: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    quantities: tuple[str, ...] = ()


class Home(_Part):
    """`[[home]]`: a watched home; `devices` are its sensors. `id` is a number without meaning, never a name."""

    id: Id
    station: Id
    devices: Annotated[tuple[str, ...], Field(min_length=1)]


class Contact(_Part):
    """`[[contact]]`: somebody who can be told, and by what: `email` for smtp, `webhook_url` for webhook."""

    id: Id
    name: Name
    language: Language = "ja"
    email: str = ""
    webhook_url: str = ""


class Rule(_Part):
    """`[[rule]]`: `kind` names a rule plugin, `params` are its options (checked by the plugin).

    The subjects are all devices (for `no_motion`: homes; for `silent` also gateways) that match every given one of
    `domain`, `station`, `device`, `home`; `quantity` is the channel a `threshold` looks at.
    """

    id: Id
    kind: str
    severity: SeverityKey = "warning"
    domain: Domain | None = None
    station: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    home: tuple[str, ...] = ()
    quantity: str = ""
    params: dict[str, Any] = {}


class Check(_Part):
    """`[[check]]`: a quality check with other parameters than its defaults, for the named quantities or devices."""

    kind: str
    quantity: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    params: dict[str, Any] = {}


class Route(_Part):
    """`[[route]]`: alerts that match every given field are told to all `contacts` by all `channels`.

    All matching routes apply. `severity_min` is the least urgent severity that is told.
    """

    id: Id
    contacts: Annotated[tuple[str, ...], Field(min_length=1)]
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    domain: tuple[Domain, ...] = ()
    station: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    severity_min: SeverityKey = "info"
    tell_cleared: bool = True


class Broker(_Part):
    """`[broker]`: the MQTT broker of seam 2 (host and port of the hub's own broker)."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 1883


class Alerting(_Part):
    """`[alerting]`: `base_url` is put before acknowledge links; `max_alert_age_s` bounds what is still news."""

    base_url: str = "http://127.0.0.1:8080"
    max_alert_age_s: Annotated[int, Field(ge=60, le=31_536_000)] = 21_600
    link_valid_s: Annotated[int, Field(ge=60, le=31_536_000)] = 604_800


class Ingest(_Part):
    """`[ingest]`: `lateness_s` is how far out of order readings may arrive and still change conclusions.

    `max_future_s`: a reading further ahead of its arrival than this goes to quarantine. The journal keeps each reading
    for `keep_raw_days`; older ones become one row an hour (min, mean, max), which ends after `keep_points_days`. What
    is flagged, and states, events, counters and positions, stay until then as they are.
    """

    lateness_s: Annotated[int, Field(ge=0, le=86_400)] = 900
    max_future_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    keep_raw_days: Annotated[int, Field(ge=2, le=36_500)] = 400
    keep_points_days: Annotated[int, Field(ge=2, le=36_500)] = 3_650


class Codecs(_Part):
    """`[codecs]`: `folder` holds payload codecs of the site's own devices (`satomori devices add-codec`).

    A relative path counts from the folder of `site.toml`; empty = there are none.
    """

    folder: str = ""


class HomeAssistant(_Part):
    """`[home_assistant]`: every device and alert appears there by itself, by MQTT discovery, while `enabled`.

    It is outside our access control: devices of watched homes go there only with `include_watch`. The broker's
    password stands in `password_file`.
    """

    enabled: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 1883
    discovery_prefix: str = "homeassistant"
    topic_prefix: str = "satomori"
    username: str = ""
    password_file: str = ""
    include_watch: bool = False


class Site(_Part):
    """All of `site.toml`. `channel.<name>` and `store.<name>` hold the parameters of those plugins."""

    version: Literal[1]
    town: Town
    broker: Broker = Broker()
    ingest: Ingest = Ingest()
    alerting: Alerting = Alerting()
    codecs: Codecs = Codecs()
    home_assistant: HomeAssistant = HomeAssistant()
    station: tuple[Station, ...] = ()
    gateway: tuple[Gateway, ...] = ()
    device: tuple[Device, ...] = ()
    home: tuple[Home, ...] = ()
    contact: tuple[Contact, ...] = ()
    rule: tuple[Rule, ...] = ()
    check: tuple[Check, ...] = ()
    route: tuple[Route, ...] = ()
    channel: dict[str, dict[str, Any]] = {}
    store: dict[str, dict[str, Any]] = {}

    def stations_by_id(self) -> Mapping[str, Station]:
        """Return the stations by id."""
        return {s.id: s for s in self.station}

    def devices_by_id(self) -> Mapping[str, Device]:
        """Return the devices by id."""
        return {d.id: d for d in self.device}

    def devices_by_address(self) -> Mapping[str, Device]:
        """Return the devices that have an address, by address in lower case."""
        return {d.address.lower(): d for d in self.device if d.address}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in `site.toml`. `key` is the path such as `device[2].model`; `line` 0 = unknown."""

    key: str
    message: str
    line: int = 0

    def as_text(self) -> str:
        """Return `line 12: device[2].model: message`."""
        return f"line {self.line}: {self.key}: {self.message}"


SiteCheck = Callable[[Site], tuple[Problem, ...]]
"""A room's own look at the Site (parameters of its plugins); returns every problem it finds."""
