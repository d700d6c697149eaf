"""Any Modbus RTU device, by a register map in `site.toml`. 19200 8E1 unless the source says otherwise.

Source: https://www.modbus.org/specs.php and the device's own register table. `bus_address` is the unit, 1 to 247.

    option             meaning
    registers          one entry per quantity: address, function (3 holding, 4 input), type (u16 s16 u32 s32 f32),
                       word_order (ABCD CDAB BADC DCBA), quantity, unit, scale, offset, sentinels, minimum, maximum
    first              number of the first register in the maker's table: 0, 1, 30001 or 40001
    block_registers    most registers that the device gives at once (125)
    answer_s           how long the device may take (1.0)

Only registers that are listed are read, and none is ever written. Read a 32-bit register in the wrong word order and
it is 1e-38 or 1e+30: such a float is an error, not a reading. No map of a real device comes along: the table of the
SHM 31, for one, is not public.
"""

from __future__ import annotations

from dataclasses import dataclass

from devices.model import Decoded, DeviceSpec, Frame, Options, PermanentError, SerialLine
from devices.options import read_options
from devices.polling import Polling, Session
from devices.quantities import base_key
from devices.wires.mapping import line_of
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour
from devices.wires.modbus import unit_of
from devices.wires.modbus_dialogue import (
    ModbusInstrument,
    measurement_bytes,
    measuring,
    probing,
    read_measurement,
)
from devices.wires.modbus_map import RegisterMap, decode_image, encode_image
from devices.wires.unsplit import unsplit

_MODEL = "modbus_rtu"
_EXAMPLE: Options = {
    "first": 30001,
    "registers": [
        {"address": 30001, "type": "s16", "quantity": "snow_depth", "unit": "mm"},
        {"address": 30002, "type": "s16", "quantity": "air_temperature", "scale": 0.1},
        {"address": 30003, "type": "f32", "word_order": "CDAB", "quantity": "supply_voltage"},
    ],
}
_PROBED = tuple(str(unit) for unit in range(1, 11))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusDevice:
    """A device with this register map. `is_example`: nobody said that a real device has it, so none is asked."""

    register_map: RegisterMap
    is_example: bool = False

    def decode(self, frame: Frame) -> Decoded:
        """Return the quantities of the map. NaN = a sentinel. PermanentError for any other frames."""
        return decode_image(self.register_map, read_measurement(frame.payload))

    def encode(self, decoded: Decoded) -> Frame:
        """Return requests and answers of one measurement. PermanentError when a value has no room."""
        payload = measurement_bytes(self.register_map, 1, encode_image(self.register_map, decoded))
        return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)

    def session(self, address: str) -> Session:
        """Begin the dialogue with the unit at `address`."""
        if self.is_example:
            raise PermanentError(f"options of {_MODEL}: registers is needed")
        return measuring(self.register_map, unit_of(address))

    def stand_in(self, address: str, faults: Misbehaviour = WELL_BEHAVED) -> ModbusInstrument:
        """Return a unit for a simulated line."""
        return ModbusInstrument(self.register_map, unit_of(address), faults)


def configure(options: Options) -> DeviceSpec:
    """Return the spec that reads the map. Raises PermanentError naming what is wrong."""
    return _spec(ModbusDevice(register_map=read_options(RegisterMap, options, of=_MODEL)))


def _spec(device: ModbusDevice) -> DeviceSpec:
    registers = device.register_map.registers
    return DeviceSpec(
        model=_MODEL,
        vendor="Modbus",
        source_url="https://www.modbus.org/specs.php",
        quantities=tuple(dict.fromkeys(base_key(register.quantity) for register in registers)),
        expected_interval_s=600,
        transport="serial",
        decode=device.decode,
        encode=device.encode,
        serial=SerialLine(baud=19200, split=unsplit, parity="E", max_frame_bytes=4096),
        resolutions={
            register.quantity: abs(float(line_of(register)[0])) for register in registers if register.type != "f32"
        },
        polling=Polling(
            interval_s=600.0,
            session=device.session,
            instrument=lambda address: device.stand_in(address),
            probe=lambda address: probing(unit_of(address)),
            addresses=_PROBED,
        ),
        configure=configure,
        example_options=_EXAMPLE,
    )


DEVICE = _spec(ModbusDevice(register_map=RegisterMap.model_validate(_EXAMPLE), is_example=True))
