"""Asking a Lufft UMB device for channels, one by one, and a stand-in of such a device.

The payload of a measurement is each request followed by its answer, as both stood on the line.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from devices.model import Decoded, PermanentError, TransientError
from devices.polling import Ask, Got, Rest, Session, Step
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour, on_the_line
from devices.wires.umb import (
    HOST,
    NO_SUCH_CHANNEL,
    ONLINE_DATA,
    STATUS_HARDWARE,
    STATUS_UNKNOWN_COMMAND,
    ChannelAnswer,
    UmbFrame,
    answer_payload,
    channel_answer,
    channel_request,
    frame_at,
    frame_bytes,
    frames_in,
    requested_channel,
)

_TRIES = 3
_ANSWER_S = 0.6
"""A device answers within 510 ms at most (the protocol's long time)."""

_STAND_IN_ANSWER_S = 0.02
_MAX_KEPT_BYTES = 300

Channels = Mapping[int, int]
"""Value type by channel number."""


def address_of(text: str, *, class_id: int, default: str) -> int:
    """Return the UMB address written as four hexadecimal digits. Raises PermanentError for another form or class."""
    written = text or default
    try:
        address = int(written, 16) if len(written) == 4 else -1
    except ValueError:
        address = -1
    if address >> 12 != class_id:
        raise PermanentError(f"bus_address {written!r} is not {class_id:X}001 to {class_id:X}FFF")
    return address


def measuring(address: int, channels: Channels) -> Session:
    """Begin the session: read all `channels` between two rests.

    The first of them is what makes the model: a device that has no such channel is another one (PermanentError).
    """
    main = next(iter(channels))
    while True:
        payload = b""
        for channel, value_type in channels.items():
            exchange, answer = yield from _asked(address, channel=channel, value_type=value_type, tries=_TRIES)
            payload += exchange
            if channel == main:
                _refuse_other_models(answer, address=address, channel=channel)
        yield Got(payload=payload)
        yield Rest()


def _refuse_other_models(answer: ChannelAnswer, *, address: int, channel: int) -> None:
    if answer.status in NO_SUCH_CHANNEL:
        raise PermanentError(f"UMB 0x{address:04X} has no channel {channel} (status 0x{answer.status:02X})")


def probing(address: int, *, channel: int, value_type: int) -> Session:
    """Ask once for one channel; `Got` holds request and answer. Raises PermanentError when it has no such channel."""
    payload, answer = yield from _asked(address, channel=channel, value_type=value_type, tries=1)
    _refuse_other_models(answer, address=address, channel=channel)
    yield Got(payload=payload)


def _asked(
    address: int, *, channel: int, value_type: int, tries: int
) -> Generator[Step, bytes, tuple[bytes, ChannelAnswer]]:
    request = channel_request(address=address, channel=channel)
    reason = ""
    for _ in range(tries):
        heard = yield Ask(request=request, wait_s=_ANSWER_S, length=lambda buffer: _length(buffer, address=address))
        try:
            frame = _answer_in(heard, address=address)
            answer = channel_answer(frame, address=address, channel=channel, value_type=value_type)
            return request + frame_bytes(frame), answer
        except PermanentError as error:
            reason = str(error)
    raise TransientError(f"UMB 0x{address:04X} channel {channel} after {tries} tries: {reason}")


def _length(buffer: bytes, *, address: int) -> int:
    return next((end for frame, end in frames_in(buffer) if _is_answer(frame, address=address)), 0)


def _is_answer(frame: UmbFrame, *, address: int) -> bool:
    return frame.to == HOST and frame.sender == address


def _answer_in(heard: bytes, *, address: int) -> UmbFrame:
    if not heard:
        raise PermanentError("no answer; is it set to another protocol (PRT 3 SDI-12, 5 and 6 Modbus, 9 ASCII)?")
    frames = [frame for frame, _ in frames_in(heard)]
    for frame in frames:
        if _is_answer(frame, address=address):
            return frame
    others = ", ".join(f"0x{frame.sender:04X}" for frame in frames if frame.sender != HOST)
    if others:
        raise PermanentError(f"{others} speaks instead")
    raise PermanentError(f"no whole frame with a good CRC in {len(heard)} bytes")


def read_measurement(payload: bytes, channels: Channels) -> Mapping[int, ChannelAnswer]:
    """Return the answers by channel. Raises PermanentError for anything but requests of `channels` and answers."""
    answers: dict[int, ChannelAnswer] = {}
    start = 0
    while start < len(payload):
        request, start = _next_frame(payload, start)
        answer, start = _next_frame(payload, start)
        channel = requested_channel(request)
        if channel not in channels or channel in answers:
            raise PermanentError(f"UMB channel {channel} does not belong into this measurement, or stands there twice")
        answers[channel] = channel_answer(answer, address=request.to, channel=channel, value_type=channels[channel])
    if not answers:
        raise PermanentError("no UMB frames in an empty payload")
    return answers


def _next_frame(payload: bytes, start: int) -> tuple[UmbFrame, int]:
    found = frame_at(payload, start)
    if found is None:
        raise PermanentError(f"no whole UMB frame at byte {start} of {len(payload)}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class UmbStandIn:
    """What a stand-in says: `tell(channel, says)` gives status and value of a channel (no value unless it is 0)."""

    address: int
    channels: Channels
    tell: Callable[[int, Decoded], tuple[int, float]]
    faults: Misbehaviour = WELL_BEHAVED


def stand_in_answer(stand_in: UmbStandIn, request: UmbFrame, says: Decoded) -> bytes:
    """Return the frame a device answers `request` with."""
    sender = int(stand_in.faults.answers_as, 16) if stand_in.faults.answers_as else stand_in.address
    payload = _stand_in_payload(stand_in, request, says)
    return frame_bytes(UmbFrame(to=HOST, sender=sender, command=request.command, payload=payload))


def _stand_in_payload(stand_in: UmbStandIn, request: UmbFrame, says: Decoded) -> bytes:
    if request.command != ONLINE_DATA or len(request.payload) != 2:
        return bytes((STATUS_UNKNOWN_COMMAND,))
    channel = requested_channel(request)
    status, value = stand_in.tell(channel, says)
    if status:
        return bytes((status,))
    return answer_payload(channel=channel, value_type=stand_in.channels[channel], value=value)


class UmbInstrument:
    """A stand-in of a UMB device on a simulated line."""

    def __init__(self, stand_in: UmbStandIn) -> None:
        self._stand_in = stand_in
        self._unread = b""

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        """Take bytes from the line; answer each whole frame to this device."""
        self._unread = (self._unread + data)[-_MAX_KEPT_BYTES:]
        answers: list[tuple[float, bytes]] = []
        end = 0
        faults = self._stand_in.faults
        for request, after in frames_in(self._unread):
            end = after
            if request.to != self._stand_in.address:
                continue
            answer = self._answer(request, says)
            if faults.has_wrong_checksum:
                answer = answer[:-3] + bytes((answer[-3] ^ 1,)) + answer[-2:]
            answers.append(
                (_STAND_IN_ANSWER_S, on_the_line(answer, request=frame_bytes(request), faults=faults))
            )  # fmt: skip
        self._unread = self._unread[end:]
        return answers

    def _answer(self, request: UmbFrame, says: Decoded) -> bytes:
        try:
            return stand_in_answer(self._stand_in, request, says)
        except PermanentError:  # it is told to measure what no such device can say
            sender = self._stand_in.address
            frame = UmbFrame(to=HOST, sender=sender, command=request.command, payload=bytes((STATUS_HARDWARE,)))
            return frame_bytes(frame)
