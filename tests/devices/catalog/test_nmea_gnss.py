from __future__ import annotations

import datetime
import functools
import gzip
import json
import math
import operator
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.catalog.nmea_gnss import DEVICE, split
from devices.model import SECOND_NS, Decoded, Options, PermanentError
from tests.devices.frames import frame
from tests.shared_data import shared_data

GGA = "GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"
RMC = "GNRMC,030719.00,A,3609.1200,N,13809.4200,E,1.00,180.00,211126,,,A"
ROLLOVER_NS = 1024 * 7 * 86_400 * SECOND_NS


def sentence(body: str, *, end: str = "\r\n") -> bytes:
    return f"${body}*{functools.reduce(operator.xor, body.encode()):02X}{end}".encode()


def decoded(body: str) -> Decoded:
    return DEVICE.decode(frame(DEVICE, sentence(body)))


def at_ns(*args: int) -> int:
    return round(datetime.datetime(*args, tzinfo=datetime.UTC).timestamp()) * SECOND_NS  # type: ignore[misc,arg-type]


def test_the_worked_sentence_of_the_device_notes() -> None:
    said = DEVICE.decode(frame(DEVICE, b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"))
    assert said.values == pytest.approx(
        {"latitude": 48.1173, "longitude": 11.516666667, "satellites": 8, "hdop": 0.9, "altitude": 545.4}
    )
    assert said.observed_ns is None


def test_rmc_says_speed_course_and_the_time() -> None:
    said = decoded(RMC)
    assert said.values == pytest.approx(
        {"latitude": 36.152, "longitude": 138.157, "speed": 0.514444, "heading": math.pi}, rel=1e-6
    )
    assert said.observed_ns == at_ns(2026, 11, 21, 3, 7, 19)


@pytest.mark.parametrize("talker", ["GP", "GL", "GA", "GB", "GQ", "QZ", "GN", "BD", "II"])
def test_every_talker_is_heard(talker: str) -> None:
    assert decoded(talker + GGA[2:]).values["latitude"] == pytest.approx(48.1173)


@pytest.mark.parametrize(
    ("body", "latitude"),
    [
        ("GPGLL,4916.45,S,12311.12,W,225444,A", -49.2741667),
        ("GPGLL,4916.45,N,12311.12,W,225444,A,D", 49.2741667),
        ("GNGNS,014035.00,4332.69262,S,17235.48549,E,RR,13,0.9,25.63,11.24,,", -43.544877),
        ("GNGNS,014035.00,4332.69262,S,17235.48549,E,NA,13,0.9,25.63,11.24,,", -43.544877),
    ],
)
def test_other_sentences_with_a_position(body: str, latitude: float) -> None:
    assert decoded(body).values["latitude"] == pytest.approx(latitude)


@pytest.mark.bad_input(60)
@pytest.mark.parametrize(
    "body",
    [
        GGA.replace("E,1,08", "E,0,08"),
        GGA.replace("E,1,08", "E,,08"),
        GGA.replace("E,1,08", "E,7,08"),
        GGA.replace("E,1,08", "E,8,08"),
        GGA.replace("E,1,08", "E,1,00"),
        "GPGGA,123519,0000.000,N,00000.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,,,,,,0,00,99.99,,,,,,",
        "GPGGA,123519,,,,,1,08,0.9,545.4,M,46.9,M,,",
        RMC.replace(",A,36", ",V,36"),
        RMC[:-1] + "N",
        RMC[:-1] + "S",
        "GPRMC,,V,,,,,,,,,,N",
        "GPGLL,4916.45,N,12311.12,W,225444,V",
        "GPGLL,3728.0549,N,12213.8639,W,014413.076,N,V",
        "GNGNS,014035.00,4332.69262,S,17235.48549,E,NN,13,0.9,25.63,11.24,,",
        "GNGNS,014035.00,4332.69262,S,17235.48549,E,AA,00,0.9,25.63,11.24,,",
    ],
)
def test_what_the_receiver_does_not_vouch_for_is_no_position(body: str) -> None:
    said = decoded(body)
    assert math.isnan(said.values["latitude"])
    assert math.isnan(said.values["longitude"])
    assert not {"altitude", "heading", "hdop"} & set(said.values)
    assert said.observed_ns is None


@pytest.mark.bad_input(60, 63)
@pytest.mark.parametrize(
    "body",
    [
        "GPGGA,123519,9107.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,9000.001,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,13131.000,N,4807.038,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,4867.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,4807.038,X,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,abc,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,4807.038,N,18131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,1e999,M,46.9,M,,",
        "GPGGA,123519,4807.038,N,01131.000,E,1,08,nan,545.4,M,46.9,M,,",
        "GPGGA,123519,4807.038,N,01131.000,E,1,x,0.9,545.4,M,46.9,M,,",
        "GPGGA,123519,4807.038,N,01131.000,E,1",
        "GPGGA",
        "GPRMC,123519,A,4807.038,N,01131.000,E,022.4,384.4,230394,003.1,W",
        "GPRMC,123519,A,4807.038,N",
        "GPZDA,030719.00,31,02,2026,00,00",
    ],
)
def test_fields_that_cannot_be_are_refused(body: str) -> None:
    with pytest.raises(PermanentError):
        decoded(body)


@pytest.mark.bad_input(63)
@pytest.mark.parametrize(
    "payload",
    [
        sentence(GGA).replace(b"*47", b"*46"),
        sentence(GGA).replace(b"*47", b""),
        sentence(GGA).replace(b"*47", b"*4"),
        sentence(GGA).replace(b"*47", b"*4g"),
        sentence(GGA)[:30],
        sentence(GGA)[:30] + sentence(GGA),
        sentence(GGA).replace(b"4807", b"4808"),
        b"!" + sentence(GGA)[1:],
        b"\x00" + sentence(GGA),
        b"\xb5\x62\x01\x07",
        b"$*00\r\n",
        b"",
    ],
)
def test_a_sentence_that_is_damaged_is_refused(payload: bytes) -> None:
    with pytest.raises(PermanentError):
        DEVICE.decode(frame(DEVICE, payload))


@pytest.mark.bad_input(63)
@pytest.mark.parametrize("end", ["\r\n", "\n", "", "\r\r\n"])
def test_a_lower_case_checksum_and_any_line_end_are_read(end: str) -> None:
    body = GGA.replace("545.4", "545.6")
    raw = sentence(body, end=end)
    star = raw.index(b"*")
    assert raw[star + 1 : star + 3] != raw[star + 1 : star + 3].lower() or raw[star + 1 : star + 3].isdigit()
    lower = raw[:star] + raw[star:].lower()
    assert DEVICE.decode(frame(DEVICE, lower)).values["altitude"] == 545.6


@pytest.mark.parametrize(
    "body",
    [
        "GPGSA,A,3,17,,,,,,,,,,,,1.8,1.1,1.5",
        "GPVTG,0.00,T,,M,0.0,N,0.0,K,N",
        "PMTK010,001",
        "AAPGLL,5547.8,N,02334.1,E,152504,A",
        "PGGA,1",
    ],
)
def test_sentences_of_other_kinds_say_nothing(body: str) -> None:
    assert decoded(body) == Decoded(values={})


@pytest.mark.bad_input(63)
@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("211126", at_ns(2026, 11, 21, 3, 7, 19)),
        ("060180", at_ns(2038, 11, 21, 3, 7, 19)),
        ("070407", at_ns(2026, 11, 21, 3, 7, 19)),
        ("210899", at_ns(2038, 11, 20, 3, 7, 19)),
        ("", None),
        ("310226", None),
        ("999999", None),
    ],
    ids=["now", "1980", "a week counter that began anew", "1999", "none", "31 February", "nonsense"],
)
def test_a_date_before_this_was_built_is_moved_by_1024_weeks(date: str, expected: int | None) -> None:
    assert decoded(RMC.replace("211126", date)).observed_ns == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("235960.00", at_ns(2026, 11, 22)),
        ("235959.50", at_ns(2026, 11, 22) - SECOND_NS // 2),
        ("235859", at_ns(2026, 11, 21, 23, 58, 59)),
        ("120060", None),
        ("240000", None),
        ("", None),
        ("99", None),
    ],
)
def test_the_time_of_rmc(time: str, expected: int | None) -> None:
    assert decoded(RMC.replace("030719.00", time)).observed_ns == expected


@pytest.mark.bad_input(63)
def test_a_time_without_a_date_is_no_time_and_zda_says_the_date() -> None:
    assert decoded(GGA).observed_ns is None
    assert decoded("GPZDA,030719.00,21,11,2026,00,00") == Decoded(values={}, observed_ns=at_ns(2026, 11, 21, 3, 7, 19))
    assert decoded("GPZDA,030719.00,,,,00,00") == Decoded(values={})


@pytest.mark.parametrize(
    ("buffer", "frames", "rest"),
    [
        (b"$A*1\r\n$B*2\r\n$C", [b"$A*1\r\n", b"$B*2\r\n"], b"$C"),
        (b"$GPGGA,1$GPGGA,2*00\r\n", [b"$GPGGA,1", b"$GPGGA,2*00\r\n"], b""),
        (b"\r\n\r\n", [], b""),
        (b"\xff\xfe$A*1\r\n", [b"\xff\xfe", b"$A*1\r\n"], b""),
    ],
)
def test_a_cut_sentence_does_not_spoil_the_next(buffer: bytes, frames: list[bytes], rest: bytes) -> None:
    assert split(buffer) == (frames, rest)


def combined(*bodies: str) -> Decoded:
    assert DEVICE.gathering is not None
    return DEVICE.gathering.combine(tuple(decoded(body) for body in bodies))


def test_the_sentences_of_a_time_are_one_reading() -> None:
    said = combined(GGA, RMC.replace("3609", "3610"), GGA, "GPGSV,1,1,00", RMC)
    assert said.observed_ns == at_ns(2026, 11, 21, 3, 7, 19)
    assert said.values == pytest.approx(
        {
            "latitude": 36.152, "longitude": 138.157, "speed": 0.514444, "heading": math.pi, "satellites": 8,
            "hdop": 0.9, "altitude": 545.4,
        },
        rel=1e-6,
    )  # fmt: skip


@pytest.mark.bad_input(60)
@pytest.mark.parametrize(
    "bodies",
    [
        (RMC, GGA, RMC.replace(",A,36", ",V,36")),
        (RMC, GGA, GGA.replace("E,1,08", "E,0,08")),
        (RMC, "GPGLL,4916.45,N,12311.12,W,225444,V"),
    ],
)
def test_all_kinds_of_sentences_must_have_a_fix_at_the_end(bodies: tuple[str, ...]) -> None:
    said = combined(*bodies).values
    assert math.isnan(said["latitude"])
    assert math.isnan(said["longitude"])


def test_without_rmc_the_time_is_that_of_zda() -> None:
    said = combined("GPZDA,030719.00,21,11,2026,00,00", GGA)
    assert (said.observed_ns, said.values["altitude"]) == (at_ns(2026, 11, 21, 3, 7, 19), 545.4)
    assert combined("GPZDA,030719.00,21,11,2026,00,00") == Decoded(values={})
    assert combined("GPGSV,1,1,00") == Decoded(values={})


def configured(options: Options) -> object:
    assert DEVICE.configure is not None
    return DEVICE.configure(options)


def test_a_site_says_how_long_is_gathered() -> None:
    assert DEVICE.configure is not None
    shorter = DEVICE.configure({"interval_s": 5.0}).gathering
    assert shorter is not None
    assert shorter.interval_s == 5
    assert DEVICE.configure({"frames_per_reading": 1}).gathering is None
    with pytest.raises(PermanentError, match=r"interval_s.*speed"):
        configured({"interval_s": 0.0, "speed": 3})


@pytest.mark.parametrize(
    ("values", "body"),
    [
        (
            {"latitude": 48.1173, "longitude": 11.5166667, "satellites": 8.0, "hdop": 0.9, "altitude": 545.4},
            "GNGGA,,4807.038000,N,01131.000002,E,1,8,0.90,545.400,M,,M,,",
        ),
        ({"latitude": -0.5, "longitude": -170.0}, "GNRMC,,A,0030.000000,S,17000.000000,W,,,,,,A"),
        ({"latitude": math.nan, "longitude": math.nan}, "GNRMC,,V,,,,,,,,,,N"),
    ],
)
def test_the_simulator_says_what_a_receiver_would(values: dict[str, float], body: str) -> None:
    assert DEVICE.encode(Decoded(values=values)).payload == sentence(body)


def test_the_simulator_says_the_time() -> None:
    said = Decoded(
        values={"latitude": 36.152, "longitude": 138.157, "speed": 1.0}, observed_ns=at_ns(2026, 11, 21, 3, 7, 19)
    )
    assert DEVICE.decode(DEVICE.encode(said)).observed_ns == said.observed_ns


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"latitude": 1.0},
        {"latitude": 1.0, "longitude": 1.0, "altitude": 1.0, "speed": 1.0},
        {"latitude": 91.0, "longitude": 1.0},
        {"latitude": math.nan, "longitude": 1.0, "speed": 2.0},
        {"latitude": math.nan, "longitude": 1.0, "altitude": 2.0},
        {"latitude": 1.0, "longitude": 1.0, "speed": -1.0},
        {"latitude": 1.0, "longitude": 1.0, "co2": 1.0},
    ],
)
def test_what_no_sentence_says_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=values))


# What gpsd reports although the receiver's own GGA says quality 0 and its RMC status V.
NOT_VOUCHED = {"mtk-3301": 1, "myguide-3100": 2}
# Positions in sentences that gpsd does not report, because the capture ends (or jumps) before its cycle does.
CUT_OFF = {
    "bt451": 2, "gps-360": 1, "isync": 1, "rst39": 1, "st-teseo-liv3f": 1, "ublox-lea-4h": 1, "ublox-lea-5h": 1,
    "venus634lp": 1,
}  # fmt: skip
RECEIVERS = 58
POSITIONS = 663


def heard(log: Path) -> Iterator[Decoded]:
    raw = b"".join(line for line in log.read_bytes().splitlines(keepends=True) if not line.startswith(b"#"))
    frames, rest = split(raw)
    for piece in [*frames, rest]:
        try:
            yield DEVICE.decode(frame(DEVICE, piece))
        except PermanentError:
            continue


Place = tuple[int, int]


def place(latitude: float, longitude: float) -> Place:
    return round(latitude * 1e7), round(longitude * 1e7)


def is_near(one: Place, places: set[Place]) -> bool:
    """Whether one of `places` is the same up to the rounding to 1e-7 degrees."""
    return any((one[0] + north, one[1] + east) in places for north in (-1, 0, 1) for east in (-1, 0, 1))


def reports(log: Path) -> list[dict[str, float | str]]:
    lines = gzip.decompress(log.with_name(f"{log.name}.expected.jsonl.gz").read_bytes()).decode().splitlines()
    return [r for r in map(json.loads, lines) if r["class"] == "TPV" and r.get("mode", 0) >= 2 and "lat" in r]


def test_positions_of_58_receivers_are_those_that_gpsd_reports() -> None:
    logs = sorted(shared_data("serial_nmea").glob("*.log"))
    assert len(logs) == RECEIVERS
    missing, surplus, positions = {}, {}, 0
    for log in logs:
        fixes = [said.values for said in heard(log) if not math.isnan(said.values.get("latitude", math.nan))]
        ours = {place(said["latitude"], said["longitude"]) for said in fixes}
        theirs = {place(float(report["lat"]), float(report["lon"])) for report in reports(log)}
        positions += len({(report["lat"], report["lon"]) for report in reports(log)})
        missing[log.stem] = sum(not is_near(one, ours) for one in theirs)
        surplus[log.stem] = sum(not is_near(one, theirs) for one in ours)
    assert positions >= POSITIONS
    assert {name: count for name, count in missing.items() if count} == NOT_VOUCHED
    assert {name: count for name, count in surplus.items() if count} == CUT_OFF


def test_times_and_speeds_of_58_receivers_are_those_that_gpsd_reports() -> None:
    """Dates are compared modulo 1024 weeks: gpsd corrects a rollover by its own build date, we by ours."""
    compared = 0
    for log in sorted(shared_data("serial_nmea").glob("*.log")):
        theirs = {}
        for report in reports(log):
            if "time" in report and "speed" in report:
                seconds = datetime.datetime.fromisoformat(str(report["time"])).timestamp()
                instant = (
                    place(float(report["lat"]), float(report["lon"])),
                    round(seconds * 10) % (ROLLOVER_NS // 10**8),
                )
                theirs[instant] = float(report["speed"])
        for said in heard(log):
            if said.observed_ns is None or math.isnan(said.values.get("speed", math.nan)):
                continue
            where = place(said.values["latitude"], said.values["longitude"])
            instant = (where, round(said.observed_ns / 10**8) % (ROLLOVER_NS // 10**8))
            if instant in theirs:
                compared += 1
                assert said.values["speed"] == pytest.approx(theirs[instant], abs=0.06), log.name
    assert compared > 400
