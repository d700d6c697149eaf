"""Any instrument that writes lines of text on a serial line, described by its site: Japanese snow gauges and others.

Source: https://docs.python.org/3/library/re.html for the pattern; the wire is what the owner's manual says. Nothing is
built in: `[device.options]` of the site describes it (see `devices.wires.line_profile`), and at least three frames of
the real instrument must be read completely, else the configuration is refused.

    option                     meaning
    pattern, values            regular expression with named groups; for each group quantity, unit, scale, offset,
                               sentinels, min, max, words
    examples                   at least three different real frames
    framing, after_etx         "line" (CR or LF) or "stx_etx" with so many bytes behind ETX
    checksum                   kind, range, skip_first, skip_last, form, byte_order
    ignored, most_bytes        lines that say nothing; the longest frame
    baud, bytesize, parity, stopbits
    poll, wait_s, interval_s   text that asks for a frame, how long it may take, how often (without poll it listens);
                               `{address}` in it is the device's bus_address, and a group `address` must say it again
    gather_s                   the frames of so many seconds make one reading (the median; of a state the last)
    distance_compensated       false: its distance is not yet corrected for the air temperature

The bare model stands for its `example_options`, which no real instrument has.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from devices.model import (
    Decoded,
    DeviceSpec,
    Frame,
    Gathering,
    Options,
    PermanentError,
    SerialLine,
    TransientError,
)
from devices.options import read_options
from devices.polling import Ask, Got, Polling, Rest, Session
from devices.quantities import QUANTITIES, base_key
from devices.wires.line_profile import ADDRESS, CHECKSUM, Profile, Value, ends, split
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour, on_the_line

_TRIES = 3
_PLACE = "{address}"
_DIGITS = re.compile(r"( *)([+-]?)( *)(\d*)(\.?)(\d*)( *)", re.ASCII)


class LineOptions(Profile):
    """機器の説明書を見ながら、行の形（pattern）と各グループの意味（values）を書き、実際に受けた行を 3 つ以上
    examples に貼る。1 つでも完全に読めなければ設定は受け付けられない。poll があれば問い合わせ、なければ聞くだけ。
    Describe the line (pattern) and what its groups mean (values) by the instrument's manual, and paste three or more
    lines it really sent into examples: unless all are read completely, the setting is refused. With `poll` the
    instrument is asked, without it only listened to.
    """

    baud: Annotated[int, Field(ge=50, le=4_000_000)] = 9_600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    poll: Annotated[str, Field(max_length=200)] = ""
    wait_s: Annotated[float, Field(ge=0.05, le=60)] = 2.0
    interval_s: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    gather_s: Annotated[float, Field(ge=1, le=3_600)] | None = None
    distance_compensated: bool = True


def _decode(frame: Frame, options: LineOptions) -> Decoded:
    """Return what the frame says by the profile. Raises PermanentError for all that does not match completely."""
    if len(frame.payload) > options.most_bytes:
        raise PermanentError(f"frame of {len(frame.payload)} bytes is longer than {options.most_bytes}")
    return options.read(frame.payload)


def _encode(decoded: Decoded, options: LineOptions, address: str = "") -> Frame:
    """Return the first example with the numbers of `decoded` in the places of its own, and its checksum.

    Raises PermanentError for a quantity the profile does not have, and for a number that has no room in its place.
    """
    groups = {value.quantity: name for name, value in options.values.items()}
    if not decoded.values or set(decoded.values) - set(groups):
        raise PermanentError(f"the profile says {', '.join(groups)}, not {', '.join(decoded.values)}")
    example = options.text_of(options.examples[0].encode("latin-1"))
    match = re.compile(options.pattern, re.ASCII).fullmatch(example)
    assert match is not None  # noqa: S101 - the profile was checked by its examples
    text, shift = "", 0
    spans = {name: match.span(name) for name in match.groupdict() if match[name] is not None}
    if {groups[key] for key in decoded.values} - set(spans):
        raise PermanentError("the first example does not say all of these quantities")
    for name, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        text += example[shift:start]
        shift = end
        value = options.values.get(name)
        if value is not None:
            text += _written(value, decoded.values.get(value.quantity), like=match[name])
        else:
            text += address if address and name == ADDRESS else match[name]
    return _frame(text + example[shift:], options)


def _frame(text: str, options: LineOptions) -> Frame:
    """Return the frame with its checksum made right. Raises PermanentError when it cannot be read again."""
    match = re.compile(options.pattern, re.ASCII).fullmatch(text)
    if options.checksum is not None and match is not None:
        start, end = match.span(CHECKSUM)
        text = text[:start] + options.checksum.text_of(text, (start, end)) + text[end:]
    payload = text.encode("latin-1") + (b"\r\n" if options.framing == "line" else b"")
    frame = Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)
    _decode(frame, options)
    return frame


def _written(value: Value, wanted: float | None, *, like: str) -> str:
    """Return `wanted` written as wide and with as many decimals as `like`; a sentinel for NaN and for None."""
    shape = _DIGITS.fullmatch(like)
    decimals = len(shape[6]) if shape is not None else 0
    is_bad = wanted is None or math.isnan(wanted)
    if wanted is None or is_bad:
        texts = [s if isinstance(s, str) else f"{s:.{decimals}f}" for s in value.sentinels]
    else:
        sign = "+" if "+" in like else ""
        fill = "" if like.startswith(" ") or like.strip(" +-").startswith(" ") else "0"
        texts = [word for word, meaning in value.words.items() if meaning == wanted]
        if math.isfinite(wanted):
            texts.append(f"{value.number_of(wanted):{sign}{fill}{len(like)}.{decimals}f}")
    for text in (text.rjust(len(like)) for text in texts if len(text) <= len(like)):
        if _is_bad(value, text) == is_bad:
            return text
    raise PermanentError(f"{value.quantity} {wanted} has no room in {len(like)} characters like {like!r}")


def _is_bad(value: Value, text: str) -> bool | None:
    """Return whether `text` says "no reading"; None when it says nothing."""
    try:
        return math.isnan(value.value_of(text))
    except PermanentError:
        return None


def _combine(frames: tuple[Decoded, ...]) -> Decoded:
    """Return the median of each gauge (NaN when every frame says NaN), and the last of all other quantities."""
    values: dict[str, float] = {}
    for key in dict.fromkeys(key for said in frames for key in said.values):
        found = [said.values[key] for said in frames if key in said.values]
        good = [value for value in found if not math.isnan(value)]
        is_gauge = QUANTITIES[key].kind == "gauge"
        values[key] = (statistics.median(good) if good else math.nan) if is_gauge else found[-1]
    return Decoded(values=values)


def _session(address: str, options: LineOptions) -> Session:
    """Ask again and again. Raises TransientError when nothing, or nothing that matches, is answered."""
    request = _request(address, options)
    while True:
        yield Got(payload=(yield from _asked(request, options, _Wanted(address=address, tries=_TRIES))))
        yield Rest()


def _probe(address: str, options: LineOptions) -> Session:
    """Ask once; `Got` holds the frame."""
    request = _request(address, options)
    yield Got(payload=(yield from _asked(request, options, _Wanted(address=address, tries=1))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Whose frame is wanted, and how often it is asked for. `address` empty = anybody's."""

    address: str
    tries: int

    def is_good(self, frame: bytes, options: LineOptions) -> bool:
        """Whether `frame` says something and is of the wanted instrument. Raises PermanentError as `read`."""
        said_by = options.address_of(frame)
        return bool(options.read(frame).values) and (not self.address or not said_by or said_by == self.address)


def _request(address: str, options: LineOptions) -> bytes:
    """Return the poll text for the instrument at `address`. Raises PermanentError when it does not fit the text."""
    if _PLACE in options.poll and not address:
        raise PermanentError(f"poll {options.poll!r} needs the bus_address of the device")
    if _PLACE not in options.poll and address not in options.poll:
        raise PermanentError(f"bus_address {address!r} does not stand in poll {options.poll!r}")
    return options.poll.replace(_PLACE, address).encode("latin-1")


def _asked(request: bytes, options: LineOptions, wanted: _Wanted) -> Generator[Ask, bytes, bytes]:
    """Return the first frame of the answer that is read: an echo and prompts in front of it are passed over."""

    def length(buffer: bytes) -> int:
        return next((end for _, end in _good_frames(buffer, options, wanted)), 0)

    error = "it does not answer"
    for _ in range(wanted.tries):
        heard = yield Ask(request=request, wait_s=options.wait_s, length=length, quiet_s=0.05)
        for frame, _end in _good_frames(heard, options, wanted):
            return frame
        if heard:
            error = f"{len(heard)} bytes without a frame of its own"
    raise TransientError(f"instrument asked by {request!r}: {error}")


def _good_frames(heard: bytes, options: LineOptions, wanted: _Wanted) -> Iterator[tuple[bytes, int]]:
    for frame, end in ends(heard, options):
        with suppress(PermanentError):
            if wanted.is_good(frame, options):
                yield frame, end


class StandIn:
    """An instrument of the profile on a simulated line. `faults`: how it misbehaves."""

    def __init__(self, address: str, options: LineOptions, faults: Misbehaviour = WELL_BEHAVED) -> None:
        self._request = _request(address, options)
        self._options = options
        self._address = faults.answers_as or address
        self._faults = faults
        self._unread = b""

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        """Answer each whole poll text; keep what may become one."""
        *asked, unread = (self._unread + data).split(self._request)
        self._unread = unread[-len(self._request) :]
        payload = _encode(says, self._options, address=self._address).payload
        answer = on_the_line(payload, request=self._request, faults=self._faults)
        return [(0.1, answer)] * len(asked)


def configure(options: Options) -> DeviceSpec:
    """Return the model of the described instrument. Raises PermanentError naming all that is wrong."""
    return _spec(read_options(LineOptions, options, of="ascii_line"))


def _spec(options: LineOptions) -> DeviceSpec:
    polling = Polling(
        interval_s=options.interval_s,
        session=partial(_session, options=options),
        instrument=partial(StandIn, options=options),
        probe=partial(_probe, options=options),
    )
    keys = [value.quantity for value in options.values.values()]
    return DeviceSpec(
        model="ascii_line",
        vendor="described by the site",
        source_url="https://docs.python.org/3/library/re.html",
        quantities=tuple(dict.fromkeys(base_key(key) for key in keys)),
        expected_interval_s=1200,
        transport="serial",
        decode=partial(_decode, options=options),
        encode=partial(_encode, options=options),
        serial=SerialLine(
            baud=options.baud, split=partial(split, profile=options), bytesize=options.bytesize,
            parity=options.parity, stopbits=options.stopbits, max_frame_bytes=options.most_bytes,
        ),
        distance_compensated=options.distance_compensated,
        resolutions=_resolutions(options),
        gathering=None if options.gather_s is None else Gathering(interval_s=options.gather_s, combine=_combine),
        polling=polling if options.poll else None,
        configure=configure,
        example_options=_EXAMPLE,
    )  # fmt: skip


def _resolutions(options: LineOptions) -> dict[str, float]:
    """Return the step of each quantity as the first example writes it."""
    example = options.text_of(options.examples[0].encode("latin-1"))
    match = re.compile(options.pattern, re.ASCII).fullmatch(example)
    shapes = {name: _DIGITS.fullmatch((match[name] if match is not None else "") or "") for name in options.values}
    return {
        options.values[name].quantity: options.values[name].step(decimals=len(shape[6]))
        for name, shape in shapes.items()
        if shape is not None
    }


_EXAMPLE: Options = {
    "pattern": r"SD(?P<depth>[+-]\d{4}) T(?P<air>[+-]\d{2}\.\d) (?P<checksum>[0-9A-F]{2})",
    "values": {
        "depth": {"quantity": "snow_depth", "unit": "mm", "sentinels": [-9999]},
        "air": {"quantity": "air_temperature", "sentinels": ["-99.9"]},
    },
    "checksum": {"kind": "sum8", "skip_last": 1},
    "examples": ["SD+1234 T-05.2 F2", "SD+0087 T+11.0 F0", "SD-9999 T-99.9 22"],
}

DEVICE = configure(_EXAMPLE)
