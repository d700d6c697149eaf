"""Any GNSS receiver that speaks NMEA 0183 on a serial line, of any talker (GP, GL, GA, GB, GQ, QZ, GN …).

Source: https://gpsd.gitlab.io/gpsd/NMEA.html. 4800 or 9600 8N1; one sentence is one frame.

    sentence   fields after the address
    GGA        time, latitude, N/S, longitude, E/W, quality, satellites, HDOP, altitude, M …
    GNS        time, latitude, N/S, longitude, E/W, mode of each system, satellites, HDOP, altitude …
    RMC        time, status A/V, latitude, N/S, longitude, E/W, knots, course, ddmmyy, variation, E/W, mode
    GLL        latitude, N/S, longitude, E/W, time, status A/V, mode
    ZDA        time, day, month, year …
    frame      `$`, address, fields, `*`, xor of all between `$` and `*` in two hexadecimal digits, CR LF

A frame gives what its sentence says. Position only with quality 1 or more (7 typed in and 8 simulated are none) and a
satellite, or with status A; without a fix, and at exactly 0, 0, latitude and longitude are NaN. The date comes from
RMC and ZDA alone. Sentences of other kinds are heard, and say nothing. A checksum that is missing or wrong is refused.

A receiver speaks every second: the sentences of 30 s make one reading, with the last position, and only where the
last sentence of each kind has a fix. Options: `interval_s`, or `frames_per_reading = 1`.

Receivers count weeks modulo 1024: a date before `_BUILT` is moved on by 1024 weeks until it is not. 23:59:60 is
the midnight that follows.
"""

from __future__ import annotations

import datetime
import functools
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.model import SECOND_NS, Decoded, DeviceSpec, Frame, Gathering, Options, PermanentError, SerialLine
from devices.options import read_options

_Message = Any  # pynmeagps has no types
_BUILT = datetime.date(2026, 11, 1)
_ROLLOVER = datetime.timedelta(weeks=1024)
_SENTENCE = re.compile(rb"\$([A-Z0-9]{4,}(?:,[\x20-\x7e]*)?)\*([0-9A-Fa-f]{2})\r*\n?")
_LATITUDE = re.compile(r"([0-8]\d[0-5]\d|9000)(\.\d*)?")
_LONGITUDE = re.compile(r"((?:0\d\d|1[0-7]\d)[0-5]\d|18000)(\.\d*)?")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(\.\d{1,9})?")
_KNOT_M_S = 1852 / 3600
_NO_FIX = {"latitude": math.nan, "longitude": math.nan}
_NOT_MEASURED = frozenset({"", "0", "7", "8"})
_MINUTE_STEPS = 60_000_000  # a degree in the last digit that is written


class _ReceiverOptions(BaseModel):
    """interval_s 秒ごとに最後の位置を 1 つ送る。frames_per_reading = 1 はすべての文をそのまま送る。
    The last position of each interval_s is sent; frames_per_reading = 1 sends each sentence as it comes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    frames_per_reading: Literal[1] | None = None
    interval_s: Annotated[float, Field(ge=1, le=3600)] = 30.0


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut at LF; a `$` inside a line begins a sentence whose forerunner was cut."""
    *lines, rest = buffer.split(b"\n")
    frames: list[bytes] = []
    for line in lines:
        first, *others = line.split(b"$")
        pieces = [first, *(b"$" + other for other in others)]
        frames += [piece + b"\n" if piece is pieces[-1] else piece for piece in pieces if piece.strip(b"\r")]
    return frames, rest


def decode(frame: Frame) -> Decoded:
    """Return what the sentence says: degrees, m, m/s, rad; `observed_ns` when it has a date.

    NaN for a position the receiver does not vouch for. No values for sentences of other kinds. Raises PermanentError
    for a wrong checksum, a cut sentence, and fields that cannot be.
    """
    body = _body(frame.payload)
    fields = body.split(",")
    kind = fields[0][2:] if not body.startswith("P") else ""
    if kind not in _READERS:
        return Decoded(values={})
    least, read = _READERS[kind]
    if len(fields) < least:
        raise PermanentError(f"{kind} sentence has {len(fields)} fields, the least is {least}")
    return read(_parsed(body), fields)


def _body(payload: bytes) -> str:
    match = _SENTENCE.fullmatch(payload)
    if match is None:
        raise PermanentError(f"{len(payload)} bytes are no NMEA sentence with a checksum")
    found = functools.reduce(operator.xor, match[1])
    if found != int(match[2], 16):
        raise PermanentError(f"checksum of a sentence is {match[2].decode()}, its bytes give {found:02X}")
    return match[1].decode("ascii")


def _parsed(body: str) -> _Message:
    from pynmeagps import (  # type: ignore[import-untyped]  # only sites with a receiver need it
        VALNONE,
        NMEAMessageError,
        NMEAParseError,
        NMEAReader,
        NMEATypeError,
    )

    try:
        message = NMEAReader.parse(f"${body}*00\r\n", validate=VALNONE)
    except (NMEAMessageError, NMEAParseError, NMEATypeError, ValueError, LookupError, TypeError, AttributeError) as e:
        raise PermanentError(f"sentence {body[:10]!r} cannot be read: {e}") from None
    if message is None:
        raise PermanentError(f"sentence {body[:10]!r} cannot be read")
    return message


def _read_gga(message: _Message, fields: list[str]) -> Decoded:
    # some receivers keep quality 1 and the last position when they have lost all satellites
    is_fix = fields[6] not in _NOT_MEASURED and _number(message, "numSV") != 0
    values = _position(message, fields[2:6], is_fix=is_fix)
    return Decoded(values={**values, **_height(message, values)})


def _read_gns(message: _Message, fields: list[str]) -> Decoded:
    is_fix = bool(set(fields[6]) - set("NMS")) and _number(message, "numSV") != 0
    values = _position(message, fields[2:6], is_fix=is_fix)
    return Decoded(values={**values, **_height(message, values)})


def _read_rmc(message: _Message, fields: list[str]) -> Decoded:
    is_fix = _is_active(fields[2], fields[12:13])
    values = {**_position(message, fields[3:7], is_fix=is_fix), "speed": math.nan}
    if math.isnan(values["latitude"]):
        return Decoded(values=values)
    knots, course_deg = _number(message, "spd"), _number(message, "cog")
    if knots is not None:
        values["speed"] = knots * _KNOT_M_S
    if course_deg is not None:
        if not 0 <= course_deg <= 360:
            raise PermanentError(f"course {course_deg} is not between 0 and 360 degrees")
        values["heading"] = math.radians(course_deg)
    date = message.date if isinstance(message.date, datetime.date) else None
    return Decoded(values=values, observed_ns=_instant_ns(date, fields[1]))


def _read_gll(message: _Message, fields: list[str]) -> Decoded:
    return Decoded(values=_position(message, fields[1:5], is_fix=_is_active(fields[6], fields[7:8])))


def _read_zda(message: _Message, fields: list[str]) -> Decoded:
    year, month, day = (_number(message, name) for name in ("year", "month", "day"))
    if year is None or month is None or day is None:
        return Decoded(values={})
    try:
        date = datetime.date(int(year), int(month), int(day))
    except (ValueError, OverflowError) as error:
        raise PermanentError(f"date {year:.0f}-{month:.0f}-{day:.0f}: {error}") from None
    return Decoded(values={}, observed_ns=_instant_ns(date, fields[1]))


_READERS: Mapping[str, tuple[int, Callable[[Any, list[str]], Decoded]]] = {
    "GGA": (11, _read_gga),
    "GNS": (10, _read_gns),
    "RMC": (10, _read_rmc),
    "GLL": (7, _read_gll),
    "ZDA": (5, _read_zda),
}


def _is_active(status: str, mode: list[str]) -> bool:
    return status == "A" and mode not in (["N"], ["M"], ["S"])


def _position(message: _Message, fields: list[str], *, is_fix: bool) -> dict[str, float]:
    """Return latitude and longitude of the four `fields`, NaN without a fix."""
    if not is_fix or fields == ["", "", "", ""]:
        return dict(_NO_FIX)
    latitude, north, longitude, east = fields
    is_shaped = _LATITUDE.fullmatch(latitude) and _LONGITUDE.fullmatch(longitude)
    if not is_shaped or north not in {"N", "S"} or east not in {"E", "W"}:
        raise PermanentError(f"{','.join(fields)[:60]!r} is no position")
    lat, lon = _number(message, "lat"), _number(message, "lon")
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        raise PermanentError(f"position {lat}, {lon} is beyond 90, 180 degrees")
    return {"latitude": lat, "longitude": lon} if lat or lon else dict(_NO_FIX)


def _height(message: _Message, position: Mapping[str, float]) -> dict[str, float]:
    """Return satellites (NaN when not said: it marks the kind of sentence), and with a fix altitude and HDOP."""
    satellites = _number(message, "numSV")
    values = {"satellites": math.nan if satellites is None else satellites}
    for name, key in (("HDOP", "hdop"), ("alt", "altitude")):
        value = _number(message, name)
        if value is not None and not math.isnan(position["latitude"]):
            values[key] = value
    return values


def _number(message: _Message, name: str) -> float | None:
    value = getattr(message, name, "")
    if value == "":
        return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise PermanentError(f"{name} {str(value)[:20]!r} is no number")
    return float(value)


def _instant_ns(date: datetime.date | None, time: str) -> int | None:
    match = _TIME.fullmatch(time)
    if date is None or match is None:
        return None
    while date < _BUILT:
        date += _ROLLOVER
    hour, minute, second = int(match[1]), int(match[2]), int(match[3])
    if second == 60 and (hour, minute) != (23, 59):
        return None
    days = (date - datetime.date(1970, 1, 1)).days
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return seconds * SECOND_NS + int((match[4] or ".")[1:].ljust(9, "0"))


def combine(frames: tuple[Decoded, ...]) -> Decoded:
    """Return the last position with what belongs to it.

    Latitude and longitude are NaN when the last sentence of any kind has no fix. The time is that of RMC, else of ZDA.
    """
    rmc = _last(frames, lambda said: "speed" in said.values)
    gga = _last(frames, lambda said: "satellites" in said.values)
    gll = _last(frames, lambda said: set(said.values) == set(_NO_FIX))
    zda = _last(frames, lambda said: said.observed_ns is not None and not said.values)
    placed = [said for said in (gll, gga, rmc) if said is not None]
    values = {key: value for said in placed for key, value in said.values.items()}
    if any(math.isnan(said.values["latitude"]) for said in placed):
        values |= _NO_FIX
    timed = rmc or (zda if placed else None)
    return Decoded(values=values, observed_ns=timed.observed_ns if timed is not None else None)


def _last(frames: tuple[Decoded, ...], is_wanted: Callable[[Decoded], bool]) -> Decoded | None:
    return next((said for said in reversed(frames) if is_wanted(said)), None)


def encode(decoded: Decoded) -> Frame:
    """Return a GGA (with satellites, HDOP or altitude) or an RMC sentence (else) that says `decoded`.

    Raises PermanentError without a position, for what two sentences say, and for what is out of range.
    """
    values = decoded.values
    gga, rmc = {"altitude", "hdop", "satellites"} & set(values), {"speed", "heading"} & set(values)
    is_known = set(values) <= {*_NO_FIX, *gga, *rmc}
    if not set(_NO_FIX) <= set(values) or not is_known or (gga and rmc):
        raise PermanentError(f"no sentence says {', '.join(sorted(values)) or 'nothing'}")
    body = _gga(values) if gga else _rmc(decoded)
    checksum = functools.reduce(operator.xor, body.encode("ascii"))
    payload = f"${body}*{checksum:02X}\r\n".encode("ascii")
    return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)


def _gga(values: Mapping[str, float]) -> str:
    place = _place(values)
    texts = {"altitude": "", "hdop": "", "satellites": ""}
    for key, digits in (("altitude", 3), ("hdop", 2), ("satellites", 0)):
        if not math.isnan(values.get(key, math.nan)):
            texts[key] = f"{values[key]:.{digits}f}"
    if not place and (texts["altitude"] or texts["hdop"]):
        raise PermanentError("without a fix there is no altitude and no HDOP")
    quality = "1" if place else "0"
    return (
        f"GNGGA,,{place or ',,,'},{quality},{texts['satellites']},{texts['hdop']},{texts['altitude']},M,,M,,"
    )  # fmt: skip


def _rmc(decoded: Decoded) -> str:
    values, place = decoded.values, _place(decoded.values)
    knots, course_deg = values.get("speed", math.nan) / _KNOT_M_S, math.degrees(values.get("heading", math.nan))
    if not place and not (math.isnan(knots) and math.isnan(course_deg)):
        raise PermanentError("without a fix there is no speed and no heading")
    if knots < 0 or not (math.isnan(course_deg) or 0 <= course_deg <= 360.0001):
        raise PermanentError(f"{knots} knots at {course_deg} degrees cannot be")
    speed = "" if math.isnan(knots) else f"{knots:.3f}"
    course = "" if math.isnan(course_deg) else f"{min(course_deg, 360):.3f}"
    time, date = "", ""
    if decoded.observed_ns is not None:
        at = datetime.datetime.fromtimestamp(decoded.observed_ns // SECOND_NS, tz=datetime.UTC)
        time, date = at.strftime("%H%M%S.00"), at.strftime("%d%m%y")
    return f"GNRMC,{time},{'A' if place else 'V'},{place or ',,,'},{speed},{course},{date},,,{'A' if place else 'N'}"


def _place(values: Mapping[str, float]) -> str:
    """Return the four fields of a position; empty for NaN."""
    latitude, longitude = values["latitude"], values["longitude"]
    if math.isnan(latitude) or math.isnan(longitude):
        return ""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise PermanentError(f"position {latitude}, {longitude} is beyond 90, 180 degrees")
    lat_deg, lat_steps = divmod(round(abs(latitude) * _MINUTE_STEPS), _MINUTE_STEPS)
    lon_deg, lon_steps = divmod(round(abs(longitude) * _MINUTE_STEPS), _MINUTE_STEPS)
    lat_text, lon_text = f"{lat_steps:08d}", f"{lon_steps:08d}"
    return (
        f"{lat_deg:02d}{lat_text[:2]}.{lat_text[2:]},{'S' if latitude < 0 else 'N'},"
        f"{lon_deg:03d}{lon_text[:2]}.{lon_text[2:]},{'W' if longitude < 0 else 'E'}"
    )


def configure(options: Options) -> DeviceSpec:
    """Return the model as the options want it. Raises PermanentError naming every wrong one."""
    wanted = read_options(_ReceiverOptions, options, of="nmea_gnss")
    gathers = wanted.frames_per_reading is None
    return replace(DEVICE, gathering=Gathering(interval_s=wanted.interval_s, combine=combine) if gathers else None)


DEVICE = DeviceSpec(
    model="nmea_gnss",
    vendor="NMEA 0183",
    source_url="https://gpsd.gitlab.io/gpsd/NMEA.html",
    quantities=("latitude", "longitude", "altitude", "satellites", "hdop", "speed", "heading"),
    expected_interval_s=600,
    transport="serial",
    decode=decode,
    encode=encode,
    serial=SerialLine(baud=9600, split=split, max_frame_bytes=256),
    gathering=Gathering(interval_s=30.0, combine=combine),
    configure=configure,
)
