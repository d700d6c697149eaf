"""A register map as data: which registers are which quantity, how they are read in blocks and put together.

Source: https://www.modbus.org/specs.php for what a register is; everything else is the maker's own choice, so the site
states it from the maker's table.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, FiniteFloat, model_validator

from devices.model import Decoded, PermanentError
from devices.wires.mapping import Mapped, number_of, value_of
from devices.wires.modbus import MAX_REGISTERS, Read

_LAYOUTS: Mapping[str, str] = {"u16": ">H", "s16": ">h", "u32": ">I", "s32": ">i", "f32": ">f"}
_USUAL_SENTINELS: Mapping[str, tuple[float, ...]] = {
    "u16": (0xFFFF,),
    "s16": (0x7FFF, -0x8000),
    "u32": (0xFFFFFFFF,),
    "s32": (0x7FFFFFFF, -0x80000000),
    "f32": (),
}
_ORDERS: Mapping[str, tuple[int, int, int, int]] = {
    "ABCD": (0, 1, 2, 3),
    "CDAB": (2, 3, 0, 1),
    "BADC": (1, 0, 3, 2),
    "DCBA": (3, 2, 1, 0),
}
_TINY, _HUGE = 1e-20, 1e20
"""A float of another word order is nearly always one of 1e-38 or 1e+30; no quantity is."""


class Register(Mapped):
    """One quantity: `address` as the maker's table numbers it, `function` 3 (holding) or 4 (input registers).

    `word_order` says in which order the line sends the bytes of a 32-bit number whose bytes are A (high) to D; in
    16 bits it says nothing. Without `sentinels` the largest number of an unsigned, both ends of a signed type stand for
    "no reading" (`sentinels = []`: none does); a float that is not a number always does.
    """

    address: int
    function: Literal[3, 4] = 4
    type: Literal["u16", "s16", "u32", "s32", "f32"] = "u16"
    word_order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"

    @model_validator(mode="after")
    def _is_a_register(self) -> Self:
        if not self.quantity:
            raise ValueError("a register needs a quantity")
        if self.count == 1 and self.word_order != "ABCD":
            raise ValueError(f"word_order {self.word_order} says nothing of {self.type}")
        return self

    @property
    def count(self) -> int:
        """Return how many registers the number takes."""
        return struct.calcsize(_LAYOUTS[self.type]) // 2

    @property
    def as_mapped(self) -> Mapped:
        """Return how the number becomes a value, with the sentinels that the type usually has if none are given."""
        given = "sentinels" in self.model_fields_set
        sentinels = self.sentinels if given else _USUAL_SENTINELS[self.type]
        return Mapped(**{**self.model_dump(include=set(Mapped.model_fields)), "sentinels": sentinels})


class RegisterMap(BaseModel):
    """`[device.options]` of a Modbus device.

    `first` is the number of the first register in the maker's table: 0 (addresses as on the line), 1, or 30001 and
    40001 in the old style. `block_registers` is how many registers the device gives at once; only neighbours are read
    together. `answer_s` is how long it may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    registers: tuple[Register, ...]
    first: Literal[0, 1, 30001, 40001, 300001, 400001] = 0
    block_registers: int = MAX_REGISTERS
    answer_s: FiniteFloat = 1.0

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        keys = [register.quantity for register in self.registers]
        if not keys:
            raise ValueError("registers needs at least one register")
        if len(set(keys)) != len(keys):
            raise ValueError("registers has a quantity twice; call the second sensor quantity.2")
        if not 2 <= self.block_registers <= MAX_REGISTERS:
            raise ValueError(f"block_registers {self.block_registers} is not within 2 to {MAX_REGISTERS}")
        if not 0.05 <= self.answer_s <= 30:
            raise ValueError(f"answer_s {self.answer_s} is not within 0.05 to 30")
        for register in self.registers:
            if not 0 <= self.address_of(register) <= 0x1_0000 - register.count:
                raise ValueError(f"register {register.address} does not exist when the first is {self.first}")
        return self

    def address_of(self, register: Register) -> int:
        """Return the address on the line, 0-based."""
        return register.address - self.first

    def reads(self, unit: int) -> list[Read]:
        """Return the fewest requests that bring every register without touching one that is not listed."""
        spans = sorted({(register.function, self.address_of(register), register.count) for register in self.registers})
        reads: list[Read] = []
        for function, address, count in spans:
            last = reads[-1] if reads else None
            joined = address + count - last.address if last else 0
            is_next = last and last.function == function and address <= last.address + last.count
            if last and is_next and joined <= self.block_registers:
                reads[-1] = Read(unit=unit, function=function, address=last.address, count=max(last.count, joined))
            else:
                reads.append(Read(unit=unit, function=function, address=address, count=count))
        return reads


Image = dict[tuple[int, int], int]
"""Register words by (function, address)."""


def decode_image(register_map: RegisterMap, image: Image) -> Decoded:
    """Return the quantities of the map; NaN for sentinels and for floats that are not numbers.

    Raises PermanentError for a missing register, a value beyond its limits, and a float that only another word order
    can make.
    """
    values = {register.quantity: _value(register_map, register, image) for register in register_map.registers}
    return Decoded(values=values)


def _value(register_map: RegisterMap, register: Register, image: Image) -> float:
    address = register_map.address_of(register)
    try:
        words = [image[register.function, address + index] for index in range(register.count)]
    except KeyError:
        raise PermanentError(f"register {register.address} ({register.quantity}) is not in the answers") from None
    number = float(_number(register, words))
    if not math.isfinite(number):
        return math.nan
    if register.type == "f32" and number and not _TINY <= abs(number) <= _HUGE:
        raise PermanentError(f"register {register.address} is {number}: word_order {register.word_order} is not so")
    return value_of(register.as_mapped, number)


def _number(register: Register, words: list[int]) -> float:
    data = struct.pack(f">{len(words)}H", *words)
    if len(data) == 4:
        data = bytes(data[place] for place in _ORDERS[register.word_order])  # each order is its own inverse
    number: float = struct.unpack(_LAYOUTS[register.type], data)[0]
    return number


def encode_image(register_map: RegisterMap, decoded: Decoded) -> Image:
    """Return the registers of a device that measures `decoded`; what is not given is a sentinel.

    Raises PermanentError when none is given, a value has no room in its type, or a sentinel is wanting.
    """
    if not any(register.quantity in decoded.values for register in register_map.registers):
        wanted = ", ".join(register.quantity for register in register_map.registers)
        raise PermanentError(f"the register map has {wanted}, and none of them is given")
    image: Image = {}
    for register in register_map.registers:
        words = _words(register, decoded.values.get(register.quantity, math.nan))
        for index, word in enumerate(words):
            image[register.function, register_map.address_of(register) + index] = word
    return image


def _words(register: Register, value: float) -> list[int]:
    is_float = register.type == "f32"
    if is_float and math.isnan(value) and not register.as_mapped.sentinels:
        number = math.nan
    else:
        number = number_of(register.as_mapped, value)
    # a factor of two is room for the rounding of the float
    if is_float and abs(number) < 2 * _TINY:
        number = 0.0  # smaller ones are what a wrong word order makes of ordinary numbers
    if is_float and 2 * abs(number) > _HUGE:
        raise PermanentError(f"{register.quantity} {value} has no room in a {register.type}")
    try:
        data = struct.pack(_LAYOUTS[register.type], number if is_float else round(number))
    except (struct.error, OverflowError) as error:
        raise PermanentError(f"{register.quantity} {value} has no room in a {register.type}") from error
    if len(data) == 4:
        data = bytes(data[place] for place in _ORDERS[register.word_order])
    return list(struct.unpack(f">{len(data) // 2}H", data))
