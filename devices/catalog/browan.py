"""Browan TABS and MerryIoT sensors on LoRaWAN: door, movement, leak, climate, button, light, sound, CO2.

Source: https://github.com/TheThingsNetwork/lorawan-devices (vendor/browan), manuals of TBDW100 and TBAM100, chapter 4

    model    FPort bytes  content (little-endian)
    all TABS              0 status; 1 battery (25 + low nibble) / 10 V, 1..14; 2 board temperature, low 7 bits - 32 degC
    TBDW100  100   8      status bit 0 open; 3..4 minutes since the last event; 5..7 events since power-up
    TBMS100  102   8      status bit 0 somebody moves; 3..7 as TBDW100
    TBHH100  103   8      2 is the air; 3 humidity %; 4..7 FF
    TBHV110  103   11     3 humidity; 4..5 CO2 equivalent ppm; 6..7 VOC ppm; 8..9 air quality index; 10 air, as 2
    TBAM100  104   6      3..5 illuminance / 100 lx
    TBSL100  105   4      3 sound level dB
    TBWL100  106   4, 5   status bit 0 leak; 3 humidity; 4 air temperature, as 2 (newer firmware)
    TBPB100  147   8      status bit 0 button pressed
    DW10     120   9, 10  status bit 0 open, 1 button, 2 tamper, 3 tilted; 1 battery (21 + x) / 10 V; 2 temperature s8
                          degC (10 bytes: 2..3 s16 / 10); humidity; u16 minutes since, u24 number of events
    CD10     127   6, 7   status bit 1 button; battery, temperature, humidity as DW10; CO2 u16 ppm
    all TABS 204, 222     answers to commands: nothing measured

Temperatures of the TABS are 7 bits with an offset of -32, those of MerryIoT are two's complement. A payload of zeros is
the maker's "empty": nothing. A button is said only when it was pressed: a heartbeat is no press.
"""

from __future__ import annotations

from devices.model import Decoded
from devices.payloads.fields import Codec, Field, Message, Values, lorawan_spec

_SOURCE = "https://github.com/TheThingsNetwork/lorawan-devices"
_MINUTES_PER_S = 1 / 60
_BATTERY = Field(key="battery_voltage", at=1, bits=4, per_unit=10, shift=2.5, bad=(0, 15))
_HUMIDITY = Field(key="relative_humidity", at=3, bits=7, bad=(127,), good=(0, 100))
_PRESSED = {0: 0.0, 1: 1.0}


def _degrees(key: str, at: int) -> Field:
    return Field(key=key, at=at, bits=7, shift=-32.0, rest=52)


def _bit(key: str, bit: int) -> Field:
    return Field(key=key, at=0, low_bit=bit, bits=1)


def _events(at: int) -> tuple[Field, Field]:
    since = Field(key="state_age", at=at, size=2, per_unit=_MINUTES_PER_S)
    return since, Field(key="count", at=at + 2, size=3)


def _pressed_or_not_said(payload: bytes, values: Values) -> Decoded:
    """A button that is not pressed is no event; a payload of zeros is empty."""
    if not any(payload):
        return Decoded(values={})
    return Decoded(values={key: value for key, value in values.items() if key != "button" or value})


def _message(port: int, length: int, *fields: Field) -> Message:
    return Message(ports=(port,), length=length, fields=fields, order="little", adjust=_pressed_or_not_said)


_BOARD = (_BATTERY, _degrees("device_temperature", 2))
_LEAK = (_bit("water_leak", 0), *_BOARD, _HUMIDITY)
_ANSWERS = Message(ports=(204, 222), length=1, is_open=True)
_BUTTON = Field(key="button", at=0, low_bit=0, bits=1, codes=_PRESSED)

_MERRY_BATTERY = Field(key="battery_voltage", at=1, per_unit=10, shift=2.1, bad=(255,), rest=15)
_WHOLE_DEGREES = Field(key="air_temperature", at=2, is_signed=True, rest=20)
_TENTH_DEGREES = Field(key="air_temperature", at=2, size=2, is_signed=True, per_unit=10, rest=200)
_DOOR_BITS = (
    _bit("contact_open", 0), Field(key="button", at=0, low_bit=1, bits=1, codes=_PRESSED), _bit("tamper", 2),
    _bit("is_tilted", 3),
)  # fmt: skip
_CO2_BUTTON = Field(key="button", at=0, low_bit=1, bits=1, codes=_PRESSED)


def _merry_humidity(at: int) -> Field:
    return Field(key="relative_humidity", at=at, bad=(255,), good=(0, 100))


def _co2(at: int) -> Field:
    return Field(key="co2", at=at, size=2, bad=(65_535,))


_CODECS = (
    Codec(name="TBDW100", messages=(_message(100, 8, _bit("contact_open", 0), *_BOARD, *_events(3)), _ANSWERS)),
    Codec(name="TBMS100", messages=(_message(102, 8, _bit("occupancy", 0), *_BOARD, *_events(3)), _ANSWERS)),
    Codec(
        name="TBHH100", messages=(_message(103, 8, _BATTERY, _degrees("air_temperature", 2), _HUMIDITY), _ANSWERS)
    ),
    Codec(
        name="TBHV110",
        messages=(
            _message(
                103, 11, *_BOARD, _HUMIDITY, _co2(4), Field(key="tvoc", at=6, size=2, bad=(65_535,)),
                Field(key="iaq", at=8, size=2, bad=(65_535,), good=(0, 500)), _degrees("air_temperature", 10),
            ),
            _ANSWERS,
        ),
    ),
    Codec(
        name="TBAM100",
        messages=(_message(104, 6, *_BOARD, Field(key="illuminance", at=3, size=3, per_unit=100)), _ANSWERS),
    ),
    Codec(name="TBSL100", messages=(_message(105, 4, *_BOARD, Field(key="sound_level", at=3)), _ANSWERS)),
    Codec(
        name="TBWL100",
        messages=(_message(106, 5, *_LEAK, _degrees("air_temperature", 4)), _message(106, 4, *_LEAK), _ANSWERS),
    ),
    Codec(name="TBPB100", messages=(_message(147, 8, *_BOARD, _BUTTON), _ANSWERS)),
    Codec(
        name="MerryIoT DW10",
        messages=(
            _message(120, 10, *_DOOR_BITS, _MERRY_BATTERY, _TENTH_DEGREES, _merry_humidity(4), *_events(5)),
            _message(120, 9, *_DOOR_BITS, _MERRY_BATTERY, _WHOLE_DEGREES, _merry_humidity(3), *_events(4)),
        ),
    ),
    Codec(
        name="MerryIoT CD10",
        messages=(
            _message(127, 7, _MERRY_BATTERY, _CO2_BUTTON, _TENTH_DEGREES, _merry_humidity(4), _co2(5)),
            _message(127, 6, _MERRY_BATTERY, _CO2_BUTTON, _WHOLE_DEGREES, _merry_humidity(3), _co2(4)),
        ),
    ),
)  # fmt: skip

DEVICES = tuple(lorawan_spec(codec, vendor="Browan", source_url=_SOURCE) for codec in _CODECS)
