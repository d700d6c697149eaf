"""Tables for reflected 16-bit checksums: a byte at a time instead of a bit."""

from __future__ import annotations


def crc_table(polynomial: int) -> tuple[int, ...]:
    """Return the 256 steps of the reflected CRC-16 with `polynomial` (0xA001: SDI-12, Modbus; 0x8408: UMB)."""
    return tuple(_step(byte, polynomial) for byte in range(256))


def _step(crc: int, polynomial: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
    return crc
