"""MaxBotix ultrasonic gauges with RS232 or TTL serial output: MB7354, MB7374, MB7554, MB7574 (HRXL-WRS, SCXL-WRS).

Source: https://maxbotix.com/blogs/blog/tx-output and the HRXL-MaxSonar-WRS data sheet. 9600 8N1, sensor to host only.

    byte   content
    0      'R'
    1..4   distance in mm, four ASCII digits, 0500..5000
    5      CR (no LF); some USB models put one blank before it

5000 = no target within range (the model's maximum); 0500 or less = something nearer than the blanking distance.
Both are the device's own "no reading": the value is NaN. There is no checksum, so only a complete match counts.
"""

from __future__ import annotations

import math
import re

from devices.model import Decoded, DeviceSpec, Frame, PermanentError, SerialLine

_FRAME = re.compile(rb"R(\d{4}) ?\r?")
_MIN_MM = 500
_MAX_MM = 5000


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut at CR; an empty piece (CR CR, or the LF of CR LF) is no frame."""
    *pieces, rest = buffer.split(b"\r")
    return [piece + b"\r" for piece in pieces if piece.strip(b"\n")], rest


def decode(frame: Frame) -> Decoded:
    """Return `distance` in m, NaN for no target or a target inside the blanking distance.

    Raises PermanentError for anything that is not exactly R, four digits, CR: never a shortened number.
    """
    match = _FRAME.fullmatch(frame.payload.lstrip(b"\n"))
    if match is None:
        raise PermanentError(f"{len(frame.payload)} bytes are no frame R, four digits, CR")
    distance_mm = int(match[1])
    if distance_mm > _MAX_MM or distance_mm == 0:
        raise PermanentError(f"distance {distance_mm} mm cannot come from a 500 to 5000 mm sensor")
    is_reading = _MIN_MM < distance_mm < _MAX_MM
    return Decoded(values={"distance": distance_mm / 1000 if is_reading else math.nan})


def encode(decoded: Decoded) -> Frame:
    """Return the frame a sensor sends for `distance`; NaN becomes 5000 (no target). Raises PermanentError without."""
    if "distance" not in decoded.values:
        raise PermanentError("a MaxBotix gauge says nothing but distance, and there is none")
    distance_m = decoded.values["distance"]
    distance_mm = _MAX_MM if math.isnan(distance_m) else max(_MIN_MM, min(_MAX_MM, round(distance_m * 1000)))
    payload = b"R%04d\r" % distance_mm
    return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)


DEVICE = DeviceSpec(
    model="maxbotix_mb7374",
    vendor="MaxBotix",
    source_url="https://maxbotix.com/blogs/blog/tx-output",
    quantities=("distance",),
    expected_interval_s=600,
    transport="serial",
    decode=decode,
    encode=encode,
    serial=SerialLine(baud=9600, split=split, max_frame_bytes=64),
)
