"""Browan's fields in lorawan-devices, ChirpStack's profiles and akenza's tests."""

from __future__ import annotations

from tests.vectors.maps import Family, Rule, same, times, words

_FLAG = {0: 0.0, 1: 1.0}
_BUTTON = Rule(key="button", convert=lambda pressed: 1.0 if pressed else None)
_WHY = "why the device sent: nothing measured"

FAMILIES = (
    Family(
        name="Browan",
        vendors=("browan",),
        models={
            ("browan", "tbms100"): "browan_tbms100",
            ("browan", "tbwl100"): "browan_tbwl100",
            ("browan", "tbpb100"): "browan_tbpb100",
            ("browan", "tbhh100"): "browan_tbhh100",
            ("browan", "tabs-tbhh100"): "browan_tbhh100",
            ("browan", "tbhv110"): "browan_tbhv110",
            ("browan", "tbam100"): "browan_tbam100",
            ("browan", "tbsound"): "browan_tbsl100",
            ("browan", "merryiot-cd10"): "browan_merryiot_cd10",
            ("browan", "merryiot-dw10"): "browan_merryiot_dw10",
        },
        fields={
            "battery": same("battery_voltage"),
            "battery_volt": same("battery_voltage"),
            "batteryVoltage": same("battery_voltage"),
            "temperatureBoard": same("device_temperature"),
            "temperature": same("air_temperature"),
            "humidity": same("relative_humidity"),
            "humi": same("relative_humidity"),
            "count": same("count"),
            "time": times("state_age", 60.0),
            "eco2": same("co2"),
            "co2": same("co2"),
            "co2_ppm": same("co2"),
            "voc": same("tvoc"),
            "iaq": same("iaq"),
            "lux": same("illuminance"),
            "soundAvg": same("sound_level"),
            "waterleak": words("water_leak", _FLAG),
            "open": words("contact_open", _FLAG),
            "button": _BUTTON,
            "tamper": words("tamper", _FLAG),
            "tilt": words("is_tilted", _FLAG),
        },
        fields_of={
            "browan_tbms100": {"status": words("occupancy", _FLAG)},
            "browan_tbwl100": {"status": words("water_leak", _FLAG)},
            "browan_tbpb100": {"status": _BUTTON},
            "browan_tbsl100": {"temperature": same("device_temperature")},
        },
        unmapped={
            "status": _WHY,
            "*Changed": _WHY,
            "statusChange": _WHY,
            "darker": _WHY,
            "lighter": _WHY,
            "keepAlive": _WHY,
            "trigger": _WHY,
            "co2threshold": _WHY,
            "co2calibration": "a state of the device's calibration",
            "batteryLevel": "guessed from the voltage by the source",
            "fPort": "of the frame, not of the payload",
            "thh_type": "a constant of the decoder",
            "CO2": "a constant of the decoder: the model has no such sensor",
            "VOC": "a constant of the decoder: the model has no such sensor",
        },
    ),
    Family(
        # these two of akenza's know only the temperature of the board
        name="Browan",
        vendors=("browan",),
        models={("browan", "tbwaterleak"): "browan_tbwl100", ("browan", "tbclimate"): "browan_tbhv110"},
        fields={
            "batteryVoltage": same("battery_voltage"),
            "temperature": same("device_temperature"),
            "humidity": same("relative_humidity"),
            "waterleak": words("water_leak", _FLAG),
            "co2": same("co2"),
            "voc": same("tvoc"),
        },
        unmapped={
            "open": "why the device sent, under the name of another model's field",
            "batteryLevel": "guessed from the voltage by the source",
        },
    ),
)
