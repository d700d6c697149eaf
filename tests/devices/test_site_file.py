"""Whatever is wrong in site.toml is said at once, each with its line and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.registry import load_catalog
from devices.site import Problem, Site
from devices.site_file import SiteError, load_site, parse_site

BASE = """\
version = 1
[town]
id = "t"
name = "里町"
[[station]]
id = "pass"
name = "Pass"
domain = "snow"
[[station]]
id = "house"
name = "House"
domain = "watch"
[[device]]
id = "snow-1"
name = "Gauge"
model = "maxbotix_mb7374"
station = "pass"
mount_height_m = 4.0
[[contact]]
id = "duty"
name = "Duty"
"""
FIRST = BASE.count("\n") + 1


def problems_of(text: str) -> list[str]:
    with pytest.raises(SiteError) as caught:
        parse_site(text)
    return [problem.as_text() for problem in caught.value.problems]


def test_a_right_file_is_a_site() -> None:
    site = parse_site(BASE)
    assert site.town.name == "里町"
    assert site.devices_by_id()["snow-1"].mount_height_m == 4.0


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        # what a key may hold
        ("colour = 1", "line 0: contact[0].colour: unknown key; check the spelling"),
        ('[[station]]\nid = "x"\nname = "X"', "line 0: station[2].domain: this key is needed"),
        (
            '[[station]]\nid = "x"\nname = "X"\ndomain = "fish"',
            "line 3: station[2].domain: Input should be 'snow', 'wil",
        ),
        ('[[station]]\nid = "x y"\nname = "X"\ndomain = "snow"', "line 1: station[2].id: String should match pattern"),
        (
            "[ingest]\nlateness_s = -1",
            "line 1: ingest.lateness_s: Input should be greater than or equal to 0 (got '-1')",
        ),
        ("[ingest]\nlateness_s = nan", "line 1: ingest.lateness_s: Input should be a finite number (got 'nan')"),
        ("[alerting]\nbase_url = 5", "line 1: alerting.base_url: Input should be a valid string (got '5')"),
        ("[broker]\nport = 70000", "line 1: broker.port: Input should be less than or equal to 65535 (got '70000')"),
        ("[channel]\nsmtp = 5", "line 1: channel.smtp: Input should be a valid dictionary (got '5')"),
        # what stands twice
        ('[[contact]]\nid = "duty"\nname = "D"', "line 1: contact[1].id: 'duty' stands twice; it must be unique"),
        ('[[gateway]]\nid = "snow-1"\nname = "G"', "line 1: gateway[0].id: 'snow-1' is also the id of a device"),
        (
            '[[home]]\nid = "snow-1"\nstation = "house"\ndevices = ["snow-1"]',
            "line 1: home[0].id: 'snow-1' is also the id of a device or gateway",
        ),
        # devices
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "x"\nstation = "pass"',
            "line 3: device[1].model: model 'x' does not",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "senml"\nstation = "no"',
            "line 4: device[1].station: station 'no' does not exist; there is: house, pass",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "senml"\nstation = "pass"\ntemperature_from = "x"',
            "line 5: device[1].temperature_from: device 'x' does not exist; there is: d, snow-1",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "senml"\nstation = "pass"\ntemperature_from = "snow-1"',
            "line 5: device[1].temperature_from: device 'snow-1' gives no air_temperature",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "senml"\nstation = "pass"\nquantities = ["charm"]',
            "line 5: device[1].quantities: quantity 'charm' does not exist",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "decentlab_dl_mbx"\nstation = "pass"',
            "line 0: device[1].address: a LoRaWAN device needs its DevEUI, 16 hexadecimal digits (got '')",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "decentlab_dl_mbx"\nstation = "pass"\naddress = "70-B3-D5"',
            "line 5: device[1].address: a LoRaWAN device needs its DevEUI, 16 hexadecimal digits (got '70-B3-D5')",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "aqara_mccgq11lm"\nstation = "house"',
            "line 0: device[1].address: a device behind an MQTT bridge needs its name there as address",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "senml"\nstation = "pass"\naddress = "X1"\n'
            '[[device]]\nid = "e"\nname = "E"\nmodel = "senml"\nstation = "pass"\naddress = "x1"',
            "line 11: device[2].address: 'x1' stands twice; it must be unique",
        ),
        # gateways
        (
            '[[gateway]]\nid = "g"\nname = "G"\nstation = "no"',
            "line 3: gateway[0].station: station 'no' does not exist",
        ),
        (
            '[[gateway]]\nid = "g"\nname = "G"\nsource = [\n  { kind = "serial", device = "snow-1" },\n]',
            "line 4: gateway[0].source[0].port: a serial source needs its port",
        ),
        (
            '[[gateway]]\nid = "g"\nname = "G"\nsource = [{ kind = "serial", port = "/dev/a" }]',
            "line 3: gateway[0].source[0].device: a serial source needs the device on its line",
        ),
        (
            '[[gateway]]\nid = "g"\nname = "G"\nsource = [{ kind = "serial", port = "/dev/a", device = "no" }]',
            "line 3: gateway[0].source[0].device: device 'no' does not exist",
        ),
        (
            '[[device]]\nid = "d"\nname = "D"\nmodel = "senml"\nstation = "pass"\n'
            '[[gateway]]\nid = "g"\nname = "G"\nsource = [{ kind = "serial", port = "/dev/a", device = "d" }]',
            "line 8: gateway[0].source[0].device: model 'senml' does not speak on a serial line",
        ),
        (
            '[[gateway]]\nid = "g"\nname = "G"\nsource = [{ kind = "mqtt" }]',
            "line 3: gateway[0].source[0].uplink: an mqtt source needs its uplink",
        ),
        (
            '[[gateway]]\nid = "g"\nname = "G"\nsource = [{ kind = "mqtt", uplink = "x" }]',
            "line 3: gateway[0].source[0].uplink: uplink 'x' does not exist; there ",
        ),
        # homes
        (
            '[[home]]\nid = "h"\nstation = "no"\ndevices = ["x"]',
            "line 2: home[0].station: station 'no' does not exist",
        ),
        (
            '[[home]]\nid = "h"\nstation = "house"\ndevices = ["x"]',
            "line 3: home[0].devices: device 'x' does not exist",
        ),
        (
            '[[home]]\nid = "h"\nstation = "house"\ndevices = ["snow-1"]',
            "line 3: home[0].devices: device 'snow-1' is at station 'pass' of snow, not watch",
        ),
        (
            '[[home]]\nid = "h"\nstation = "pass"\ndevices = []',
            "line 3: home[0].devices: Tuple should have at least 1 item",
        ),
        (
            '[[home]]\nid = "h"\nstation = "pass"\ndevices = ["snow-1"]',
            "line 2: home[0].station: station 'pass' is of snow, not watch",
        ),
        # rules, checks, routes
        ('[[rule]]\nid = "r"\nkind = "k"\nstation = ["no"]', "line 3: rule[0].station: station 'no' does not exist"),
        ('[[rule]]\nid = "r"\nkind = "k"\ndevice = ["no"]', "line 3: rule[0].device: device 'no' does not exist"),
        ('[[rule]]\nid = "r"\nkind = "k"\nhome = ["no"]', "line 3: rule[0].home: home 'no' does not exist"),
        ('[[rule]]\nid = "r"\nkind = "k"\nquantity = "no"', "line 3: rule[0].quantity: quantity 'no' does not exist"),
        ('[[check]]\nkind = "k"\nquantity = ["no"]', "line 2: check[0].quantity: quantity 'no' does not exist"),
        ('[[check]]\nkind = "k"\ndevice = ["no"]', "line 2: check[0].device: device 'no' does not exist"),
        (
            '[[route]]\nid = "r"\ncontacts = ["no"]\nchannels = ["smtp"]',
            "line 2: route[0].contacts: contact 'no' does not exist; there is: duty",
        ),
        (
            '[[route]]\nid = "r"\ncontacts = ["duty"]\nchannels = ["smtp"]\nstation = ["no"]',
            "line 4: route[0].station: station 'no' does not exist",
        ),
        (
            '[[route]]\nid = "r"\ncontacts = ["duty"]\nchannels = ["smtp"]\nrule = ["no"]',
            "line 4: route[0].rule: rule 'no' does not exist",
        ),
        # TOML itself
        ("[x y]", "line 0: toml: this is not TOML: Expected ']' at the end of a table declaration"),
        ("x = ", "line 0: toml: this is not TOML: Invalid value"),
        ("version = 2\nversion = 3", "line 1: toml: this is not TOML: Cannot overwrite a value"),
    ],
)
def test_a_problem_is_told_with_line_and_key(more: str, expected: str) -> None:
    # lines of `expected` count from the first line of `more`
    number, rest = expected.removeprefix("line ").split(":", 1)
    line = FIRST + int(number)
    found = problems_of(BASE + more)
    assert any(text.startswith(f"line {line}:{rest}") for text in found), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version = 1", "", "line 1: version: this key is needed"),
        ("version = 1", "version = 2", "line 1: version: Input should be 1 (got '2')"),
        ('name = "里町"', "", "line 2: town.name: this key is needed"),
        ('name = "里町"', 'name = "  "', "line 4: town.name: String should have at least 1 character (got '  ')"),
        ('name = "里町"', 'name = "里"\ntimezone = "Mars/X"', "line 5: town.timezone: time zone 'Mars/X' is not known"),
        ('name = "里町"', 'name = "里"\ntimezone = "../x"', "line 5: town.timezone: time zone '../x' is not known"),
    ],
)
def test_a_problem_at_the_top(old: str, new: str, expected: str) -> None:
    assert problems_of(BASE.replace(old, new)) == [expected]


def test_a_device_is_in_one_home_and_on_one_line() -> None:
    text = BASE.replace('station = "pass"', 'station = "house"')
    text += '[[home]]\nid = "h"\nstation = "house"\ndevices = ["snow-1"]\n'
    text += '[[home]]\nid = "i"\nstation = "house"\ndevices = ["snow-1"]\n'
    text += '[[gateway]]\nid = "g"\nname = "G"\n[[gateway.source]]\nkind = "serial"\nport = "a"\ndevice = "snow-1"\n'
    text += '[[gateway.source]]\nkind = "serial"\nport = "a"\ndevice = "snow-1"\n'
    assert problems_of(text) == [
        "line 29: home[1].devices: device 'snow-1' stands in home 'h' already",
        "line 36: gateway[0].source[0].device: device 'snow-1' is on 2 serial lines; it can be on one",
        "line 39: gateway[0].source[1].port: 'a' stands twice; it must be unique",
        "line 40: gateway[0].source[1].device: device 'snow-1' is on 2 serial lines; it can be on one",
    ]


def test_a_bomb_of_brackets_is_a_problem() -> None:
    assert problems_of("x = " + "[" * 5_000 + "]" * 5_000) == ["line 1: toml: values are nested too deeply"]


def test_one_slip_does_not_hide_the_others() -> None:
    text = BASE.replace('name = "里町"', 'name = ""\ntimezone = "Mars/X"').replace(
        "mount_height_m = 4.0", "mount = 4.0"
    )
    text += '[[route]]\nid = "r"\ncontacts = ["nobody"]\nchannels = []\n'
    text += '[[device]]\nid = "d 1"\nmodel = "x"\nstation = "no"\n'
    text += '[[rule]]\nid = "q"\nkind = "k"\ndevice = ["d 1", "d2"]\n[[station]]\nid = 5\n'
    assert problems_of(text) == [
        "line 4: town.name: String should have at least 1 character (got '')",
        "line 5: town.timezone: time zone 'Mars/X' is not known",
        "line 19: device[0].mount: unknown key; check the spelling",
        "line 25: route[0].contacts: contact 'nobody' does not exist; there is: duty",
        "line 26: route[0].channels: Tuple should have at least 1 item after validation, not 0 (got '[]')",
        "line 27: device[1].name: this key is needed",
        "line 28: device[1].id: String should match pattern '^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$' (got 'd 1')",
        f"line 29: device[1].model: model 'x' does not exist; there are {len(load_catalog())}",
        "line 30: device[1].station: station 'no' does not exist; there is: house, pass",
        "line 34: rule[0].device: device 'd2' does not exist; there is: d 1, snow-1",
        "line 35: station[2].domain: this key is needed",
        "line 35: station[2].name: this key is needed",
        "line 36: station[2].id: Input should be a valid string (got '5')",
    ]


@pytest.mark.parametrize(
    "table", ["station", "device", "gateway", "home", "contact", "rule", "check", "route", "channel"]
)
@pytest.mark.parametrize("value", ["5", '"x"', "[5]", "[[]]", "[{ id = [] }]", "{ a = 1 }"])
def test_a_table_of_another_shape_is_a_problem_and_no_crash(table: str, value: str) -> None:
    text = f'{table} = {value}\nversion = 1\n[town]\nid = "t"\nname = "T"\n'
    assert all(line.startswith(f"line 1: {table}") for line in problems_of(text))


def test_the_error_lists_all_and_keeps_them() -> None:
    with pytest.raises(SiteError) as caught:
        parse_site("")
    assert (
        str(caught.value)
        == "2 problems in the site file\nline 1: town: this key is needed\nline 1: version: this key is needed"
    )
    assert [problem.key for problem in caught.value.problems] == ["town", "version"]
    assert isinstance(caught.value, PermanentError)


def test_other_rooms_look_too_and_their_problems_get_a_line() -> None:
    def look(site: Site) -> tuple[Problem, ...]:
        return tuple(Problem(key=f"contact[{i}].name", message=c.name) for i, c in enumerate(site.contact))

    with pytest.raises(SiteError) as caught:
        parse_site(BASE, checks=[look])
    assert [problem.as_text() for problem in caught.value.problems] == ["line 21: contact[0].name: Duty"]


def test_what_is_wrong_already_is_not_told_again() -> None:
    def look(site: Site) -> tuple[Problem, ...]:
        return (Problem(key="town.name", message="again"), Problem(key="town.id", message="new"))

    with pytest.raises(SiteError) as caught:
        parse_site(BASE.replace('name = "里町"', "name = 5"), checks=[look])
    assert [problem.key for problem in caught.value.problems] == ["town.id", "town.name"]
    assert "again" not in str(caught.value)


@pytest.mark.parametrize("encode", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_of_any_editor_is_read(tmp_path: Path, encode: str, newline: str) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(BASE.replace("\n", newline).encode(encode))
    assert load_site(path) == parse_site(BASE)


def test_a_file_in_another_encoding_is_a_problem_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(BASE.encode("shift_jis"))
    with pytest.raises(SiteError, match="line 4: toml: the file is not UTF-8"):
        load_site(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"no\.toml cannot be read: No such file"):
        load_site(tmp_path / "no.toml")
    with pytest.raises(PermanentError, match="cannot be read: Is a directory"):
        load_site(tmp_path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(b"#" * (8 * 1024 * 1024 + 1))
    with pytest.raises(PermanentError, match="the limit is 8388608"):
        load_site(path)


@given(at=st.integers(0, len(BASE)), text=st.text(max_size=5))
def test_any_typing_error_is_survived(at: int, text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse_site(BASE[:at] + text + BASE[at:])
    except SiteError as error:
        problems = error.problems
    assert all(0 < problem.line <= FIRST + 5 and problem.key for problem in problems)


@pytest.mark.bad_input(70, 71)
@pytest.mark.parametrize("kind", ["mail", "imap", "ftp"])
def test_what_no_gateway_reads_is_refused_by_name(kind: str) -> None:
    """Alerts of vendors' clouds by mail and pictures by FTP are not taken: better said at the start than lost."""
    text = BASE + f'[[gateway]]\nid = "g"\nname = "G"\nsource = [{{ kind = "{kind}", host = "127.0.0.1" }}]\n'
    (problem,) = problems_of(text)
    assert problem.endswith(f"gateway[0].source[0].kind: Input should be 'serial', 'mqtt' or 'http' (got '{kind}')")


def test_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = BASE + '[codecs]\nfolder = ""\n[home_assistant]\npassword_file = "secrets/ha"\n'
    text += '[channel.smtp]\npassword_file = "/etc/smtp"\n[store.influx]\ntoken_file = "token"\n'
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    site = load_site(tmp_path / "site.toml")
    assert site.codecs.folder == ""
    assert site.home_assistant.password_file == str(tmp_path / "secrets/ha")
    assert site.channel["smtp"]["password_file"] == "/etc/smtp"
    assert site.store["influx"]["token_file"] == str(tmp_path / "token")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"kind": "http", "uplink": "sigfox"}, "port_number: an http source needs its port_number, such as 8090"),
        ({"kind": "http", "uplink": "sigfox", "port_number": 8090}, "token: an http source needs a token"),
        ({"kind": "http", "uplink": "zigbee2mqtt"}, "uplink: uplink 'zigbee2mqtt' does not come by http"),
        ({"kind": "mqtt", "uplink": "enocean_esp3"}, "uplink: uplink 'enocean_esp3' does not come by mqtt"),
        ({"kind": "serial", "port": "/dev/a", "uplink": "sigfox"}, "uplink: uplink 'sigfox' does not come by serial"),
        ({"kind": "serial", "port": "/dev/a", "device": "snow-1", "uplink": "enocean_esp3"}, "uplink: a line has its"),
        (
            {"kind": "serial", "port": "/dev/a", "devices": ["snow-1", "sdi-1"]},
            "devices: model 'maxbotix_mb7374'",
        ),
        (
            {"kind": "serial", "port": "/dev/a", "devices": ["sdi-1", "sdi-2"]},
            "devices: 2 instruments on one",
        ),
        (
            {"kind": "mqtt", "uplink": "zigbee2mqtt", "options": {"x": 1}},
            "options: options of zigbee2mqtt",
        ),
    ],
)
def test_a_source_that_cannot_be_served_is_told(source: dict[str, object], said: str) -> None:
    polled = "".join(
        f'[[device]]\nid = "sdi-{n}"\nname = "N"\nmodel = "campbell_sr50a_sdi12"\nstation = "pass"\n' for n in (1, 2)
    )
    table = ", ".join(f"{key} = {inline(value)}" for key, value in source.items())
    found = problems_of(f'{BASE}{polled}[[gateway]]\nid = "g"\nname = "G"\nsource = [{{ {table} }}]\n')
    assert any(f"gateway[0].source[0].{said}" in problem for problem in found), found


def inline(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {inline(part)}" for key, part in value.items()) + " }"
    return json.dumps(value)
