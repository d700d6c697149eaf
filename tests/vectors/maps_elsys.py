"""Elsys' fields in lorawan-devices, ChirpStack's profiles, akenza's tests and thingsboard/data-converters."""

from __future__ import annotations

from tests.vectors.maps import Corrected, Family, Rule, same, times, words

_G_M_S2 = 9.80665
_CUT = "the set has a part of the test's payload: the counts expected are not in these bytes"

FAMILIES = (
    Family(
        name="Elsys TLV",
        vendors=("elsys",),
        models={
            ("elsys", "ers"): "elsys_ers",
            ("elsys", "ers2"): "elsys_ers",
            ("elsys", "ers2_co2"): "elsys_ers_co2",
            ("elsys", "ers2_voc"): "elsys_ers_voc",
            ("elsys", "ers-co2"): "elsys_ers_co2",
            ("elsys", "ers-co2-lite"): "elsys_ers_co2_lite",
            ("elsys", "ers-desk"): "elsys_ers_desk",
            ("elsys", "ers-eco-co2"): "elsys_ers_eco_co2",
            ("elsys", "ers-eye"): "elsys_ers_eye",
            ("elsys", "ers-lite"): "elsys_ers_lite",
            ("elsys", "ersdco2"): "elsys_ersd_co2",
            ("elsys", "eiaqd10"): "elsys_eiaqd10",
            ("elsys", "elsys"): "elsys_elt",
            ("elsys", "elt-2"): "elsys_elt_2",
            ("elsys", "elt-2i"): "elsys_elt_2",
            ("elsys", "ems"): "elsys_ems",
            ("elsys", "ems-desk"): "elsys_ems_desk",
            ("elsys", "ems-door"): "elsys_ems_door",
            ("elsys", "ems-lite"): "elsys_ems_lite",
        },
        fields={
            "temperature": same("air_temperature"),
            "humidity": same("relative_humidity"),
            "light": same("illuminance"),
            "motion": (same("motion_count"), Rule(key="occupancy", convert=lambda seen: float(seen > 0))),
            "pir": (same("motion_count"), Rule(key="occupancy", convert=lambda seen: float(seen > 0))),
            "occupancy": words("presence", {0: 0.0, 1: 1.0, 2: 1.0}),
            "co2": same("co2"),
            "tvoc": times("tvoc", 0.001),
            "vdd": times("battery_voltage", 0.001),
            "batteryVoltage": same("battery_voltage"),
            "x": times("acceleration_x", _G_M_S2 / 63),
            "y": times("acceleration_y", _G_M_S2 / 63),
            "z": times("acceleration_z", _G_M_S2 / 63),
            "externalTemperature": same("probe_temperature"),
            "pressure": times("pressure", 100),
            "pulse1": same("pulse_count"),
            "relativePulse1": same("pulse_count"),
            "pulseAbs": same("count"),
            "pulseAbs1": same("count"),
            "waterleak": (same("analog_input"), Rule(key="water_leak", convert=lambda wet: float(wet > 0))),
            "reed": words("contact_open", {True: 0.0, False: 1.0}),
        },
        unmapped={
            "batteryLevel": "akenza's own estimate from the voltage",
            "occup*": "akenza counts the minutes itself",
            "minutesSinceLastOccupied": "akenza counts the minutes itself",
            "warm": "akenza counts the minutes itself",
            "doorClosings": "akenza counts from one test to the next",
            "usageCount": "akenza counts from one test to the next",
            "ota": "a setting, not a reading",
            "port": "a setting, not a reading",
            "mode": "a setting, not a reading",
            "ack": "a setting, not a reading",
            "dr[DM]*": "a setting, not a reading",
            "class": "a setting, not a reading",
            "*Cfg": "a setting, not a reading",
            "*Per": "a setting, not a reading",
            "lock": "a setting, not a reading",
            "link": "a setting, not a reading",
            "plan": "a setting, not a reading",
            "subBand": "a setting, not a reading",
            "lbt": "a setting, not a reading",
            "ledConfig": "a setting, not a reading",
            "q[SOP]*": "a setting, not a reading",
            "pirSensivity": "a setting, not a reading",
            "asr": "a setting, not a reading",
            "sensor": "a name, not a reading",
            "version": "a name, not a reading",
        },
        differs={
            "network_server:Elsys/ERS2/*": {
                "co2": Corrected(
                    value=776.0, reason="the bytes carry it (06 03 08); the source knows none of this model"
                )
            }
        },
        excluded={"akenza:elsys/ems-door/3": _CUT, "akenza:elsys/ems-door/4": _CUT},
    ),
)
