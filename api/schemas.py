"""The only shapes the world sees. Times end in `_at` and are ISO 8601 UTC; NaN is null; ids are texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from alerts.model import AlertState
from api.freshness import State
from devices.site import Domain, SeverityKey

FlagKey = Literal["good", "unknown", "suspect", "bad", "missing"]
PartKey = Literal["ok", "late", "unknown", "fault"]
Meaning = Literal["", "fired", "check", "armed", "open", "closed", "moving", "still"]
Activity = Literal["active", "quiet", "unknown"]


class Shape(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class Page(Shape):
    """What every list carries: the town's time, and the place in the live stream from which it goes on."""

    now_at: str
    cursor: str


class ValueOut(Shape):
    """The newest value of one quantity as it stands on a station's card.

    `state` is `ok` only while the value is current; else show it with its age, never as the present value.
    """

    device_id: str
    device_name: str
    quantity: str
    title_ja: str
    title_en: str
    value: float | None
    unit: str
    meaning: Meaning = ""
    flag: FlagKey
    state: State
    observed_at: str | None
    heard_at: str | None


class DeviceOut(Shape):
    """A device or gateway with its state.

    `battery_outlook_days`: for how many days its battery will last, None while nobody has to think of it or nothing is
    known. `parent_id`: the device or gateway whose silence explains this one's, None = none.
    """

    device_id: str
    name: str
    kind: Literal["device", "gateway"]
    model: str
    station_id: str
    domain: Domain
    state: State
    muted_by: str | None = None
    muted_until_at: str | None = None
    heard_at: str | None
    expected_interval_s: float
    quantities: list[str]
    battery_outlook_days: float | None = None
    parent_id: str | None = None


class StationOut(Shape):
    """A place: its state is the worst of its devices. Watched homes give `activity` in place of values."""

    station_id: str
    name: str
    domain: Domain
    latitude: float | None
    longitude: float | None
    elevation_m: float | None
    state: State
    muted_by: str | None = None
    muted_until_at: str | None = None
    heard_at: str | None
    activity: Activity | None = None
    open_alerts: int
    silent_devices: list[str]
    values: list[ValueOut]


class SeriesOut(Shape):
    """A device and a quantity of which readings have been stored."""

    device_id: str
    quantity: str
    device_name: str
    station_id: str
    station_name: str
    domain: Domain
    title_ja: str
    title_en: str
    unit: str
    kind: str
    resolution: float
    expected_interval_s: float


class LatestOut(Shape):
    """The newest reading of a series. `heard_at`: when something new last came, `observed_at`: when it was so."""

    device_id: str
    quantity: str
    value: float | None
    unit: str
    flag: FlagKey
    observed_at: str
    received_at: str | None
    heard_at: str | None
    commit_no: int


class EventOut(Shape):
    """Something began, ended, or (after late data) had never been so."""

    event_no: int
    event_id: str
    rule_id: str
    subject: str
    device_id: str
    station_id: str
    quantity: str
    state: str
    severity: SeverityKey
    observed_at: str
    detected_at: str
    value: float | None
    limit: float | None


class ObservationOut(Shape):
    """One stored value with its quality flag."""

    observed_at: str
    received_at: str | None
    value: float | None
    flag: FlagKey
    seq: int | None


class PointOut(Shape):
    """One bucket of a chart: smallest, largest and mean value in it. Buckets without good values are left out."""

    start_at: str
    end_at: str
    min: float | None
    max: float | None
    mean: float | None
    count: int


class QuarantineOut(Shape):
    """Input that could not become a reading. `raw_hex` shows its first bytes, `raw_bytes` how many are kept."""

    id: int
    publisher: str
    device_id: str
    reason: str
    detail: str
    raw_hex: str
    raw_bytes: int
    received_at: str | None
    count: int


class PartOut(Shape):
    """One part of the system, for people."""

    part: str
    name_ja: str
    name_en: str
    state: PartKey
    since_at: str | None
    what_to_do_ja: str
    what_to_do_en: str


class HealthOut(Shape):
    """How the system itself is. `clock_speed` above 1 means that recorded time runs faster than real time."""

    status: PartKey
    now_at: str
    clock_speed: float
    parts: list[PartOut]
    gateways: list[PartOut]


class StationsPage(Page):
    """Answer of /api/v1/stations."""

    state: State
    stations: list[StationOut]


class DevicesPage(Page):
    """Answer of /api/v1/devices."""

    devices: list[DeviceOut]


class SeriesPage(Page):
    """Answer of /api/v1/series."""

    series: list[SeriesOut]


class LatestPage(Page):
    """Answer of /api/v1/latest."""

    latest: list[LatestOut]


class AlertOut(Shape):
    """An alert with its text in three levels. `acknowledged` is not `resolved`: somebody knows, it still goes on.

    `opened_at` is when the system knew, `observed_at` when it was so; `is_history` marks old news that nobody was told.
    """

    alert_id: str
    case_no: str
    rule_id: str
    subject: str
    device_id: str
    quantity: str
    station_id: str
    station_name: str
    domain: Domain
    severity: SeverityKey
    state: AlertState
    is_history: bool
    opened_at: str
    observed_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    resolved_at: str | None
    value: float | None
    limit: float | None
    text_ja: str
    text_ja_easy: str
    text_en: str


class AlertsPage(Page):
    """Answer of /api/v1/alerts, newest first."""

    alerts: list[AlertOut]


class EventsPage(Page):
    """Answer of /api/v1/events."""

    events: list[EventOut]


class ObservationsPage(Page):
    """Answer of …/observations: raw rows, or with `points` the buckets. `next_from` is where the next page begins."""

    device_id: str
    quantity: str
    unit: str
    from_at: str
    to_at: str
    observations: list[ObservationOut] = []
    points: list[PointOut] = []
    next_from: str | None = None


class CountedOut(Shape):
    """A counter that is not zero: what was dropped, repeated or done again, where, and how often."""

    source: str
    name: str
    text_ja: str
    text_en: str
    count: int


class QuarantinePage(Page):
    """Answer of /api/v1/quarantine. `counted`: whatever else did not go its plain way."""

    counts: dict[str, int]
    rows: list[QuarantineOut]
    counted: list[CountedOut] = []


class TownOut(Shape):
    """What the page needs to know of the town before anything else."""

    name: str
    timezone: str
    office_phone: str
    now_at: str
    clock_speed: float
    notice: str


class AcknowledgeOut(Shape):
    """Proof that an acknowledgement is recorded; the same order for the same alert however often it is sent."""

    alert_id: str
    order_id: str
    by: str
    at: str


class AcknowledgeIn(BaseModel):
    """Body of an acknowledgement: who has seen it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    by: Annotated[str, Field(min_length=1, max_length=100)]


class TokenIn(BaseModel):
    """Body of the two calls behind an acknowledge link."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=2048)]


class LiveOut(Shape):
    """Answer of /livez: whether the loop of this process turns, and how many seconds ago it last did."""

    is_alive: bool
    loop_age_s: float


class LinkOut(Shape):
    """What an acknowledge link is about, and in whose name it acknowledges."""

    alert: AlertOut
    by: str
