"""InfluxDB 2, and servers that speak its v2 write protocol, by the official influxdb-client.

Write: POST <url>/api/v2/write?org=…&bucket=…&precision=ns, gzip, one line a point:
    observation,device=snow-01,quantity=snow_depth,station=pass value=1.25,flag=1i,bad=f 1767225600000000000
Tags name the series, `flag` is that of `ingest.flags`; a second reading of the series at the same time (with another
frame counter) bears a tag `nth=2`. The store's identity of a point is tags and time, so the same point again replaces
itself. A field that was once written stays until it is written again: therefore `bad` is always
said, and `bad=t` means that there is no value (InfluxDB cannot hold NaN), whatever an older `value` says. A point that
the journal took back is overwritten by `flag=0i,bad=t`; the delete API is not used, few servers have it.
Read: POST <url>/api/v2/query with Flux (InfluxDB 2 only).
Sources: InfluxDB v2 API and line protocol references; answers as in the notes on influxdb-client 1.50.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ingest.flags import BAD, MISSING
from ingest.journal_read import PointRow
from ingest.store_model import (
    WITHDRAWN,
    HistoryQuery,
    Points,
    PointsRefusedError,
    SeriesKey,
    StoreAwayError,
    StoreParams,
    StoreSpec,
    Written,
)

if TYPE_CHECKING:
    from influxdb_client.client.exceptions import InfluxDBError
    from influxdb_client.client.influxdb_client import InfluxDBClient
    from influxdb_client.client.write_api import WriteApi

# Anything else (401 unknown token, 404 no such bucket, 429, 5xx) is not the points' fault: they wait.
_REFUSALS = (400, 413, 422)
_TOO_OLD = re.compile(
    r"(?:beyond|outside).{0,20}retention.{0,80}?dropped[=: ]+(\d+)|beyond retention policy", re.I | re.S
)
_NS: Any = "ns"  # influxdb_client.WritePrecision.NS, which is this text; importing it here would cost every process
_MOST_RETRY_AFTER_S = 3_600.0
_TEXT_CHARS = 300


class InfluxParams(StoreParams):
    """`[store.influx]`: where the history is copied to.

    `token_file` holds the token alone; empty = the server wants none. One write holds at most `batch_points` points
    and gets an answer within `timeout_s`. `reads`: charts are drawn from InfluxDB instead of the journal.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/[^\s?#]*)?$")]
    bucket: Annotated[str, Field(min_length=1)]
    org: str = ""
    token_file: str = ""
    ca_file: str = ""
    measurement: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")] = "observation"
    timeout_s: Annotated[float, Field(ge=0.1, le=300)] = 10.0
    batch_points: Annotated[int, Field(ge=1, le=20_000)] = 5_000
    reads: bool = False


class InfluxStore:
    """One bucket. Connects with the first call, and anew after every fault, so that a changed token file is seen."""

    def __init__(self, params: InfluxParams) -> None:
        """Remember the parameters; nothing is opened yet."""
        self._params = params
        self._client: InfluxDBClient | None = None
        self._writer: WriteApi | None = None
        self._prefixes: dict[SeriesKey, str] = {}
        self._connections_before = 0

    def write(self, points: Points) -> Written:
        """Return once the server has said that the points are written."""
        body = self.body_of(points)
        try:
            with self._faults():
                self._connected_writer().write(
                    bucket=self._params.bucket, org=self._params.org, record=body, write_precision=_NS
                )
        except _TooOldError as error:
            too_old = min(error.dropped, len(points))
            return Written(accepted=len(points) - too_old, too_old=too_old)
        return Written(accepted=len(points))

    def body_of(self, points: Points) -> bytes:
        """Return the points as line protocol."""
        # column by column, and all parts joined once: half the cost of a line at a time
        prefixes = [self._prefix(key) for key in points.series]
        fronts = [f"{prefix} value=" for prefix in prefixes]
        flags = {flag: f",flag={flag}i,bad=f " for flag in set(points.flag)}
        parts = ["\n"] * (5 * len(points))
        parts[0::5] = [fronts[place] for place in points.place]
        parts[1::5] = map(repr, points.value)
        parts[2::5] = [flags[flag] for flag in points.flag]
        parts[3::5] = map(str, points.observed_ns)
        if not all(map(math.isfinite, points.value)):
            for index in (index for index, value in enumerate(points.value) if not math.isfinite(value)):
                without_value = prefixes[points.place[index]], "", f" flag={points.flag[index]}i,bad=t "
                parts[5 * index : 5 * index + 3] = without_value
        return "".join(parts[:-1]).encode()

    def history(self, query: HistoryQuery) -> list[PointRow]:
        """Return the good values of a series in equal parts of a span, by Flux."""
        if query.to_ns <= query.from_ns or query.points < 1:
            return []
        with self._faults():
            client = self._connected()
            records = client.query_api().query_stream(flux_of(query, params=self._params), org=self._params.org)
            rows = [_point_row(record.values) for record in records]
        return sorted(rows, key=lambda row: row.start_ns)

    def connection_no(self) -> int:
        """Return how many connections were made."""
        return self._connections_before + self._connections()

    def is_answering(self) -> bool:
        """Tell whether the server answers a ping."""
        try:
            with self._faults():
                return bool(self._connected().ping())
        except StoreAwayError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._connections_before += self._connections()
        client, self._client, self._writer = self._client, None, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

    def _connections(self) -> int:
        if self._client is None:
            return 0
        pools = self._client.api_client.rest_client.pool_manager.pools
        return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - no Mapping

    def _prefix(self, key: SeriesKey) -> str:
        found = self._prefixes.get(key)
        if found is None:
            nth = str(key.nth) if key.nth > 1 else ""
            tags = (("device", key.device_id), ("nth", nth), ("quantity", key.quantity), ("station", key.station))
            said = "".join(f",{name}={_tag(value)}" for name, value in tags if value)
            found = self._prefixes[key] = self._params.measurement + said
        return found

    def _connected(self) -> InfluxDBClient:
        if self._client is None:
            # imported here: the library brings 30 MB into a process that may only want to check a site
            from influxdb_client.client.influxdb_client import InfluxDBClient

            self._client = InfluxDBClient(
                url=self._params.url,
                token=_read_token(self._params.token_file) or None,  # type: ignore[arg-type] # None: no header
                org=self._params.org,
                timeout=int(self._params.timeout_s * 1000),
                enable_gzip=True,
                ssl_ca_cert=self._params.ca_file or None,
            )
        return self._client

    def _connected_writer(self) -> WriteApi:
        if self._writer is None:
            from influxdb_client.client.write_api import SYNCHRONOUS

            # never the batching writer: it loses what the server refuses or a long outage holds up, without a word
            self._writer = self._connected().write_api(write_options=SYNCHRONOUS)
        return self._writer

    @contextmanager
    def _faults(self) -> Iterator[None]:
        from influxdb_client.client.exceptions import InfluxDBError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except InfluxDBError as error:
            fault = _fault_of(error)
            if isinstance(fault, StoreAwayError):
                self.close()
            raise fault from error
        except (HTTPError, OSError, ValueError) as error:
            self.close()
            text = f"InfluxDB at {self._params.url}: {type(error).__name__}: {error}"
            raise StoreAwayError(text[:_TEXT_CHARS]) from error


class _TooOldError(Exception):
    """The server wrote all but `dropped` points, which are older than what it keeps."""

    def __init__(self, dropped: int) -> None:
        super().__init__(dropped)
        self.dropped = dropped


def _fault_of(error: InfluxDBError) -> Exception:
    status = getattr(error, "status", None)
    message = _message(error)
    text = f"InfluxDB answered {status or 'nothing'}: {message[:_TEXT_CHARS]}"
    if status not in _REFUSALS:
        return StoreAwayError(text, retry_after_s=_retry_after_s(error))
    too_old = _TOO_OLD.search(message)
    return _TooOldError(int(too_old[1] or 1)) if too_old else PointsRefusedError(text)


def _message(error: InfluxDBError) -> str:
    message = error.message
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return " ".join(text.split())


def _retry_after_s(error: InfluxDBError) -> float | None:
    """Return how long the server asks us to wait; a date is compared with the server's own clock, not with ours."""
    text = str(error.retry_after or "").strip()
    if not text:
        return None
    if text.isdecimal():
        return min(float(text), _MOST_RETRY_AFTER_S)
    try:
        sent = str(error.response.getheader("Date"))
        wait_s = (parsedate_to_datetime(text) - parsedate_to_datetime(sent)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(0.0, wait_s), _MOST_RETRY_AFTER_S)


def _read_token(path: str) -> str:
    if not path:
        return ""
    token = Path(path).read_text(encoding="utf-8").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise ValueError(f"token file {path} holds no token")
    return token


def _tag(value: str) -> str:
    """Return a tag value for a line: a line break would end the line, a backslash at the end eats what follows."""
    plain = "".join(char if char.isprintable() else "?" for char in value).rstrip("\\") or "?"
    return re.sub(r"([,= ])", r"\\\1", plain)


def flux_of(query: HistoryQuery, *, params: InfluxParams) -> str:
    """Return the question for the good values of `query`, with first and last time, least, most, sum and number."""
    width_ns = -(-(query.to_ns - query.from_ns) // query.points)
    names = {"_measurement": params.measurement, "device": query.device_id, "quantity": query.quantity}
    is_series = " and ".join(f"r.{name} == {_flux_text(value)}" for name, value in names.items())
    is_good = " and ".join(f"r.flag != {flag}" for flag in (WITHDRAWN, BAD, MISSING))
    return f"""from(bucket: {_flux_text(params.bucket)})
  |> range(start: time(v: {query.from_ns}), stop: time(v: {query.to_ns}))
  |> filter(fn: (r) => {is_series})
  |> filter(fn: (r) => r._field == "value" or r._field == "flag" or r._field == "bad")
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> filter(fn: (r) => exists r.value and not r.bad and {is_good})
  |> map(fn: (r) => ({{part: (int(v: r._time) - {query.from_ns}) / {width_ns}, at: int(v: r._time), value: r.value}}))
  |> group(columns: ["part"])
  |> reduce(
      identity: {{first: {2**63 - 1}, last: -{2**63 - 1}, least: float(v: "+Inf"), most: float(v: "-Inf"),
        sum: 0.0, count: 0}},
      fn: (r, accumulator) => ({{
        first: if r.at < accumulator.first then r.at else accumulator.first,
        last: if r.at > accumulator.last then r.at else accumulator.last,
        least: if r.value < accumulator.least then r.value else accumulator.least,
        most: if r.value > accumulator.most then r.value else accumulator.most,
        sum: accumulator.sum + r.value,
        count: accumulator.count + 1
      }})
    )"""


def _flux_text(value: str) -> str:
    """Return a Flux string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${").replace("\n", "\\n")
    return f'"{escaped}"'


def _point_row(values: Mapping[str, Any]) -> PointRow:
    count = int(values["count"])
    return PointRow(
        start_ns=int(values["first"]),
        end_ns=int(values["last"]),
        min=float(values["least"]),
        max=float(values["most"]),
        mean=float(values["sum"]) / count,
        count=count,
    )


STORE = StoreSpec(
    name="influx",
    params=InfluxParams,
    build=InfluxStore,
    batch_points=lambda params: params.batch_points,
    reads=lambda params: params.reads,
)
