"""Dragino's fields in lorawan-devices, ChirpStack's profiles and akenza's tests."""

from __future__ import annotations

import math

from tests.vectors.maps import Corrected, Family, Rule, same, times, words

# True and False are 1 and 0
_YES_NO = {0: 0.0, 1: 1.0, "TRUE": 1.0, "FALSE": 0.0}
_NOTICE = "a setting of the device, or why it sent: nothing measured"
_COPY = "the example is a copy from another device, not a payload of this model"
_SEVEN_BYTES = "the example has 7 of 10 bytes: count and duration are read beyond its end (65536 minutes)"
_PORT = "the example of an unknown FPort uses FPort 2, which is the device's"
_COPIED_NUMBER = "0F4D is 39.17 degC; the expected number stands in the LHT65's example"
_DEAD_PROBE = "the constant of a missing DS18B20, not a temperature"


def _millimetres(value: object) -> float:
    """The maker writes numbers as "2799 mm", and words for a sensor that is missing or too near."""
    text = str(value)
    return math.nan if text in ("No Sensor", "Invalid Reading") else float(text.removesuffix(" mm")) / 1000


_MINUTES = {
    name: times(key, 60.0)
    for name, key in {
        "LAST_DOOR_OPEN_DURATION": "open_duration",
        "openDuration": "open_duration",
        "LAST_WATER_LEAK_DURATION": "leak_duration",
        "leakDuration": "leak_duration",
    }.items()
}

FAMILIES = (
    Family(
        name="Dragino",
        vendors=("dragino",),
        models={
            ("dragino", "ldds75"): "dragino_ldds75",
            ("dragino", "ldds75-114"): "dragino_ldds75",
            ("dragino", "ldds20"): "dragino_ldds20",
            ("dragino", "ldds20-114"): "dragino_ldds20",
            ("dragino", "ldds45"): "dragino_ldds45",
            ("dragino", "ldds04"): "dragino_ldds04",
            ("dragino", "dds04-lb"): "dragino_dds04_lb",
            ("dragino", "dds20-lb"): "dragino_dds20_lb",
            ("dragino", "dds75-lb"): "dragino_dds75_lb",
            ("dragino", "lds12-lb"): "dragino_lds12_lb",
            ("dragino", "lds01"): "dragino_lds01",
            ("dragino", "lds02"): "dragino_lds02",
            ("dragino", "lwl01"): "dragino_lwl01",
            ("dragino", "lwl02"): "dragino_lwl02",
            ("dragino", "lds03a"): "dragino_lds03a",
            ("dragino", "cpl01"): "dragino_cpl01",
            ("dragino", "lht65"): "dragino_lht65",
            ("dragino", "lht65n"): "dragino_lht65n",
            ("dragino", "lht65n-pir"): "dragino_lht65n",
            ("dragino", "lht65n-e31f"): "dragino_lht65n_e31f",
            ("dragino", "lht52"): "dragino_lht52",
            ("dragino", "lse01"): "dragino_lse01",
            ("dragino", "lsn50v2-d23"): "dragino_lsn50v2_d23",
            ("dragino", "s31-lb"): "dragino_s31_lb",
            ("dragino", "s31lb-ls"): "dragino_s31_lb",
            ("dragino", "trackerd"): "dragino_trackerd",
        },
        fields={
            **_MINUTES,
            "Bat": same("battery_voltage"),
            "BatV": same("battery_voltage"),
            "BAT_V": same("battery_voltage"),
            "batteryVoltage": same("battery_voltage", within=0.03),
            "Distance": Rule(key="distance", convert=_millimetres),
            "distance": Rule(key="distance", convert=_millimetres),
            "TempC_DS18B20": same("probe_temperature"),
            **{f"distance{n}_cm": times(key, 0.01) for n, key in enumerate(("distance",), 1)},
            **{f"distance{n}_cm": times(f"distance.{n}", 0.01) for n in (2, 3, 4)},
            **{f"distance{n}": times(f"distance.{n}", 0.01) for n in (2, 3, 4)},
            "distance1": times("distance", 0.01),
            "DOOR_OPEN_STATUS": words("contact_open", _YES_NO),
            "open": words("contact_open", _YES_NO),
            "DOOR_OPEN_TIMES": same("count"),
            "openCounts": same("count"),
            "WATER_LEAK_STATUS": words("water_leak", _YES_NO),
            "waterLeak": words("water_leak", _YES_NO),
            "WATER_LEAK_TIMES": same("count"),
            "leakTimes": same("count"),
            "ALARM": words("alarm", _YES_NO),
            "TempC_SHT": same("air_temperature"),
            "Hum_SHT": same("relative_humidity"),
            "TempC_DS": same("probe_temperature"),
            "EXT_TempC_SHT": same("probe_temperature"),
            "EXT_Hum_SHT": same("relative_humidity.2"),
            "Bat_mV": times("battery_voltage", 0.001),
            "Latitude": same("latitude"),
            "Longitude": same("longitude"),
            "ALARM_status": words("sos", _YES_NO),
            "Hum": same("device_humidity"),
            "Tem": same("device_temperature"),
            "Transport": words("in_trip", {"MOVE": 1.0, "STILL": 0.0}),
        },
        fields_of={
            "dragino_dds20_lb": {"temperature": same("probe_temperature")},
            "dragino_lse01": {
                "temperature": same("probe_temperature"),
                "soilHumidity": same("soil_moisture"),
                "soilTemperature": same("soil_temperature"),
                "soilConductivity": times("conductivity", 1e-4),
            },
            "dragino_s31_lb": {
                "temperature": same("air_temperature"),
                "humidity": same("relative_humidity"),
            },
            "dragino_lsn50v2_d23": {
                "temperature": same("probe_temperature"),
                "c2temperature": same("probe_temperature.2"),
                "c3temperature": same("probe_temperature.3"),
                "open": Rule(key="contact_open", convert=lambda _value: None),
            },
            "dragino_lds02": {"alarm": words("alarm", _YES_NO)},
            "dragino_lht65": {
                "temperature": same("air_temperature"),
                "humidity": same("relative_humidity"),
                "externalTemperature": same("probe_temperature"),
            },
            "dragino_lht65n": {
                "temperature": same("air_temperature"),
                "humidity": same("relative_humidity"),
                "tempDS": same("probe_temperature"),
            },
        },
        unmapped={
            "Interrupt_flag": _NOTICE,
            "Sensor_flag": "0 makes the distance bad, 1 is the ordinary case",
            "sensorFlag": "0 makes the distance bad, 1 is the ordinary case",
            "EXTI_Trigger": _NOTICE,
            "extTrigger": _NOTICE,
            "interrupt*": _NOTICE,
            "mes_type": _NOTICE,
            "messageType": _NOTICE,
            "MOD": _NOTICE,
            "Node_type": "a name",
            "TDC": _NOTICE,
            "DISALARM": _NOTICE,
            "KEEP_*": _NOTICE,
            "TRIGGER_MODE": _NOTICE,
            "firmwareVersion": "a version",
            "alarm": "a leak sensor's mode 2 has no alarm of its own",
            "batteryLevel": "guessed from the voltage by the source",
            "Bat_status": "a word for the voltage",
            "batteryStatus": "a word for the voltage",
            "Ext_sensor": "which sensor is plugged in",
            "externalSensor": "which sensor is plugged in",
            "connectionStatus": "makes the probe's value bad when it is loose",
            "alarmFlag": _NOTICE,
            "modStatus": _NOTICE,
            "pa8": "a pin that nothing is connected to",
            "Firmware_Version": "a version",
            "Freq_Band": _NOTICE,
            "Sub_Band": _NOTICE,
            "Sensor_Model": "a number of the model",
            "c0adc": "a pin that nothing is connected to",
            "digitalStatus": "a pin that nothing is connected to",
            "Location": "latitude and longitude as one text",
            "MD": _NOTICE,
            "LON": _NOTICE,
        },
        excluded={
            "ttn:dragino/lds01/uplink/1": _SEVEN_BYTES,
            "ttn:dragino/lds02/uplink/1": _SEVEN_BYTES,
            "ttn:dragino/lwl01/uplink/1": _SEVEN_BYTES,
            "ttn:dragino/lwl02/uplink/1": _SEVEN_BYTES,
            "ttn:dragino/dds75-lb/uplink/1": _COPY,
            "ttn:dragino/lds12-lb/uplink/1": _COPY,
            "ttn:dragino/s31-lb/uplink/1": _COPY,
            "ttn:dragino/lht65n-pir/uplink/2": _PORT,
            "ttn:dragino/lht65n-e31f/uplink/2": _PORT,
        },
        differs={
            "ttn:dragino/lht65n-e31f/uplink/1": {"air_temperature": Corrected(value=39.17, reason=_COPIED_NUMBER)},
            "akenza:dragino/dds20-lb/1": {"probe_temperature": Corrected(value=math.nan, reason=_DEAD_PROBE)},
            "akenza:dragino/lht65/1": {"probe_temperature": Corrected(value=math.nan, reason=_DEAD_PROBE)},
            "chirpstack:dragino/lht65n/1": {"probe_temperature": Corrected(value=math.nan, reason=_DEAD_PROBE)},
        },
        # the maker's decoder forgets it
        derived=frozenset({"battery_voltage"}),
    ),
)
