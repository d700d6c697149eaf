"""MaxBotix ultrasonic gauges with RS232 or TTL serial output; sensor to host only, no checksum.

Source: https://maxbotix.com/blogs/blog/tx-output and the data sheets of the families. 8N1; each frame ends in CR alone.

    model                families                     frame                    unit  nearest  farthest  baud
    maxbotix_mb7374      MB7354 MB7374 MB7554 MB7574  R, 4 digits, CR          mm    500      5000      9600
    maxbotix_mb7369      MB7369 MB7389                R, 4 digits, CR          mm    300      5000      9600
    maxbotix_10m         the 10 m types               R, 4 digits, CR          mm    500      9999      9600
    maxbotix_xl          XL-MaxSonar                  R, 3 digits, CR          cm    20       765       9600
    maxbotix_hrusb       HRUSB-MaxSonar-EZ            R, 4 digits, blank, CR   mm    300      5000      9600
    maxbotix_proxsonar   USB-ProxSonar-EZ             R, 3 digits, " P0" or "  inch  6        254       57600
                                                      " P1" (something near), CR

Farthest or more: no target; nearest or less: something within the blanking distance. Both are the device's own "no
reading": NaN. Zero and what is beyond the digits' meaning is refused. The proximity flag must be there, and is not
given on: the distance says it.

After power-up the sensor says who it is (`HRXL-MaxSonar-WRL`, `PN:MB7386`, `Copyright 2011-2013 MaxBotix Inc.`,
`RoHS 1.8b090`, `0713 TempI`): these lines decode to no values, and the one with the part number to `has_restarted`. The
filter needs about 2 s then.

It speaks 5 to 8 times a second, and nothing but statistics protects its numbers: the frames of 60 s make one reading.
Options: `frames_per_reading = 1` (each frame is a reading), or `interval_s`, `least_frames`, `most_spread_m`; and
`nearest_m`, `farthest_m` for a type of the family with other limits.
"""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.model import Decoded, DeviceSpec, Frame, Gathering, Options, PermanentError, SerialLine
from devices.options import read_options

_SOURCE = "https://maxbotix.com/blogs/blog/tx-output"
_BANNER = re.compile(
    rb"[A-Z]{2,6}-(?:Max|Prox)Sonar[A-Z0-9-]{0,12}"
    rb"|PN:MB\d{4}[A-Z0-9-]{0,8}"
    rb"|Copyright \d{4}(?:-\d{4})?(?: MaxBotix,? Inc\.?)?|MaxBotix,? Inc\.?"
    rb"|RoHS \d[0-9a-z.]{0,12}(?: +\d{4})?"
    rb"|(?:\d{4} +)?Temp[A-Z]"
)
_PART_NUMBER = b"PN:"  # one line of the five, because a start is one event
_SETTLING_FRAMES = 14  # 2 s at 6.67 frames a second


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How a family writes a distance: `step_m` is the last digit; limits, and the most it can write, in that step."""

    pattern: re.Pattern[bytes]
    template: bytes
    digits: int
    step_m: Fraction
    nearest: int
    farthest: int
    most: int
    baud: int = 9_600


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """When the frames of a time are trusted: at least so many valid ones, no wider apart than that."""

    least_frames: int = 11
    most_spread_m: float = 0.030


class _GaugeOptions(BaseModel):
    """何も書かなければ interval_s 秒ぶんの行の中央値を 1 つの測定とする。有効な行が least_frames 未満か半分未満、または
    ばらつきが most_spread_m を超えたら「測定なし」。frames_per_reading = 1 はすべての行をそのまま測定とする。
    Without options the median of the frames of interval_s is one reading; fewer than least_frames (or half) valid
    frames, or a spread beyond most_spread_m, is no reading. frames_per_reading = 1 takes each frame as it comes.
    nearest_m, farthest_m: limits of another type of the family.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    frames_per_reading: Literal[1] | None = None
    interval_s: Annotated[float, Field(ge=2, le=3600)] = 60.0
    least_frames: Annotated[int, Field(ge=1, le=1000)] = 11
    most_spread_m: Annotated[float, Field(gt=0, le=1)] = 0.030
    nearest_m: Annotated[float, Field(gt=0, lt=10)] | None = None
    farthest_m: Annotated[float, Field(gt=0, lt=100)] | None = None

    @model_validator(mode="after")
    def _single_frames_are_not_gathered(self) -> _GaugeOptions:
        gathers = self.model_fields_set & {"interval_s", "least_frames", "most_spread_m"}
        if self.frames_per_reading == 1 and gathers:
            raise ValueError(f"frames_per_reading = 1 leaves no meaning to {', '.join(sorted(gathers))}")
        return self


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut at CR; an empty piece (CR CR, or the LF of CR LF) is no frame."""
    *pieces, rest = buffer.split(b"\r")
    return [piece + b"\r" for piece in pieces if piece.strip(b"\n")], rest


def _decode(frame: Frame, form: _Form) -> Decoded:
    """Return `distance` in m, NaN for no target or a target inside the blanking distance; no values for a boot line.

    Raises PermanentError for anything that is not exactly one frame: never a shortened number.
    """
    line = frame.payload.lstrip(b"\n")
    match = form.pattern.fullmatch(line)
    if match is None:
        if line.endswith(b"\r") and _BANNER.fullmatch(line[:-1]):
            return Decoded(values={}, has_restarted=line.startswith(_PART_NUMBER))
        raise PermanentError(f"{len(frame.payload)} bytes are no frame like {form.template.decode()!r}")
    steps = int(match[1])
    if not 0 < steps <= form.most:
        raise PermanentError(f"{steps} cannot come from a sensor that says {form.nearest} to {form.farthest}")
    is_reading = form.nearest < steps < form.farthest
    return Decoded(values={"distance": float(steps * form.step_m) if is_reading else math.nan})


def _encode(decoded: Decoded, form: _Form) -> Frame:
    """Return the frame a sensor sends for `distance`: NaN and too far is the farthest, too near the nearest.

    Raises PermanentError without a distance, and for what many frames say together (spread, valid samples).
    """
    if set(decoded.values) != {"distance"}:
        raise PermanentError(f"a frame says a distance and nothing else, not {', '.join(sorted(decoded.values))}")
    distance_m = decoded.values["distance"]
    steps = form.farthest if math.isnan(distance_m) else round(min(distance_m, 100.0) / float(form.step_m))
    payload = form.template % max(form.nearest, min(form.farthest, steps))
    return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)


def _combine(frames: tuple[Decoded, ...], rule: _Rule) -> Decoded:
    """Return the reading of many frames: median, `distance_spread` (90 % - 10 % quantile), `valid_samples`.

    `distance` is NaN when fewer than `least_frames` or fewer than half of the frames were valid, or when they lie
    farther apart than `most_spread_m`. The frames of the 2 s after a start do not count. No frame, no values.
    """
    said = _settled(frames)
    has_restarted = any(decoded.has_restarted for decoded in frames)
    if not said:
        return Decoded(values={}, has_restarted=has_restarted)
    valid = [distance_m for distance_m in said if not math.isnan(distance_m)]
    values = {"distance": math.nan, "valid_samples": float(len(valid))}
    spread_m = _spread_m(valid)
    if not math.isnan(spread_m):
        values["distance_spread"] = spread_m
    is_trusted = len(valid) >= max(rule.least_frames, len(said) / 2) and not spread_m > rule.most_spread_m
    if is_trusted:
        values["distance"] = statistics.median(valid)
    return Decoded(values=values, has_restarted=has_restarted)


def _settled(frames: tuple[Decoded, ...]) -> list[float]:
    said: list[float] = []
    unsettled = 0
    for decoded in frames:
        if decoded.has_restarted:
            unsettled = _SETTLING_FRAMES
        elif "distance" in decoded.values:
            if unsettled == 0:
                said.append(decoded.values["distance"])
            unsettled = max(0, unsettled - 1)
    return said


def _spread_m(valid_m: list[float]) -> float:
    """Return the distance between the 10 % and the 90 % quantile, to 0.1 mm; NaN of fewer than two."""
    if len(valid_m) < 2:
        return math.nan
    deciles = statistics.quantiles(valid_m, n=10, method="inclusive")
    return round(deciles[-1] - deciles[0], 4)


def _configure(options: Options, spec: DeviceSpec, form: _Form) -> DeviceSpec:
    wanted = read_options(_GaugeOptions, options, of=spec.model)
    fitted_form = _with_limits(form, wanted, of=spec.model)
    rule = _Rule(least_frames=wanted.least_frames, most_spread_m=wanted.most_spread_m)
    gathering = Gathering(interval_s=wanted.interval_s, combine=partial(_combine, rule=rule))
    return replace(
        spec,
        decode=partial(_decode, form=fitted_form),
        encode=partial(_encode, form=fitted_form),
        gathering=None if wanted.frames_per_reading == 1 else gathering,
    )


def _with_limits(form: _Form, wanted: _GaugeOptions, *, of: str) -> _Form:
    """Return the form with the limits of another type of the family."""
    nearest = form.nearest if wanted.nearest_m is None else round(wanted.nearest_m / float(form.step_m))
    farthest = form.farthest if wanted.farthest_m is None else round(wanted.farthest_m / float(form.step_m))
    largest = int("9" * form.digits)
    if not 0 <= nearest < farthest <= largest:
        raise PermanentError(
            f"options of {of}: nearest_m and farthest_m are {nearest} and {farthest} steps of {float(form.step_m)} m; "
            f"they must rise and end at {largest} steps"
        )
    is_changed = farthest != form.farthest
    return replace(form, nearest=nearest, farthest=farthest, most=farthest if is_changed else form.most)


_MM = _Form(
    pattern=re.compile(rb"R(\d{4}) ?\r"), template=b"R%04d\r", digits=4, step_m=Fraction(1, 1000),
    nearest=500, farthest=5000, most=5000,
)  # fmt: skip
_FORMS = {
    "maxbotix_mb7374": _MM,
    "maxbotix_mb7369": replace(_MM, nearest=300),
    "maxbotix_10m": replace(_MM, farthest=9999, most=9999),
    "maxbotix_xl": _Form(
        pattern=re.compile(rb"R(\d{3}) ?\r"), template=b"R%03d\r", digits=3, step_m=Fraction(1, 100),
        nearest=20, farthest=765, most=765,
    ),
    "maxbotix_hrusb": replace(_MM, template=b"R%04d \r", nearest=300),
    "maxbotix_proxsonar": _Form(
        pattern=re.compile(rb"R(\d{3}) P[01]\r"), template=b"R%03d P0\r", digits=3, step_m=Fraction(254, 10_000),
        nearest=6, farthest=254, most=255, baud=57_600,
    ),
}  # fmt: skip


def _spec(model: str, form: _Form) -> DeviceSpec:
    spec = DeviceSpec(
        model=model,
        vendor="MaxBotix",
        source_url=_SOURCE,
        quantities=("distance", "distance_spread", "valid_samples"),
        expected_interval_s=600,
        transport="serial",
        decode=partial(_decode, form=form),
        encode=partial(_encode, form=form),
        serial=SerialLine(baud=form.baud, split=split, max_frame_bytes=64),
        resolutions={"distance": float(form.step_m)},
        gathering=Gathering(interval_s=60.0, combine=partial(_combine, rule=_Rule())),
    )
    return replace(spec, configure=partial(_configure, spec=spec, form=form))


DEVICES = tuple(_spec(model, form) for model, form in _FORMS.items())
DEVICE = DEVICES[0]
