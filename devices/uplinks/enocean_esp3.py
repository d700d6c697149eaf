"""EnOcean USB sticks on a serial line: USB300 (868/902 MHz, ERP1) and USB400J (928 MHz in Japan, ERP2).

Source: https://www.enocean.com/fileadmin/redaktion/pdf/tec_docs/EnOceanSerialProtocol3.pdf. One packet is one message;
the packet is described in `devices.wires.esp3`, the telegram in it in `devices.wires.enocean_radio`.

Repeaters and subtelegrams send a telegram several times within 0.5 s: the same bytes from the same sender in that
time are one. Later they are two, because a button can be pressed twice.
"""

from __future__ import annotations

from devices.model import Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec
from devices.wires import esp3
from devices.wires.enocean_radio import Telegram, read_telegram, write_telegram


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of a radio telegram with device data, with `rssi` where the stick says it.

    None for answers, events and commands of the stick, and for teach-in and system telegrams. Raises PermanentError
    for bytes that are no packet, and for telegrams that cannot be read (encrypted, short, unknown).
    """
    telegram = read_telegram(esp3.read_packet(message.payload))
    if telegram is None:
        return ()
    frame = Frame(
        gateway_id=message.gateway_id, transport="enocean", address=telegram.sender, payload=telegram.payload,
        received_ns=message.received_ns,
    )  # fmt: skip
    values = {} if telegram.rssi_dbm is None else {"rssi": telegram.rssi_dbm}
    return (Envelope(frame=frame, values=values),)


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return the packet a stick hands over for the envelope; there is no topic. Raises PermanentError."""
    payload = envelope.frame.payload
    if len(payload) < 3:
        raise PermanentError(f"{len(payload)} bytes are no RORG, data and status")
    telegram = Telegram(
        rorg=payload[0], data=payload[1:-1], sender=envelope.frame.address, status=payload[-1],
        rssi_dbm=envelope.values.get("rssi"),
    )  # fmt: skip
    return "", esp3.write_packet(write_telegram(telegram))


UPLINK = UplinkSpec(
    name="enocean_esp3",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    carries="enocean",
    serial=esp3.LINE,
    repeats_within_s=0.5,
)
