"""For tests of the front door: which processes live, and a small town with a gauge, a trap, rules and a route."""

from __future__ import annotations

from pathlib import Path

SITE_TOML = """\
version = 1
[town]
id = "test"
name = "テスト村"
[broker]
port = {broker_port}
[channel.smtp]
host = "127.0.0.1"
port = 2525
sender = "satomori@test.example"
[[station]]
id = "pass"
name = "峠"
domain = "snow"
[[station]]
id = "wood"
name = "林"
domain = "wildlife"
[[gateway]]
id = "gw-01"
name = "役場"
heartbeat_interval_s = 1
[[gateway]]
id = "gw-02"
name = "公民館"
[[device]]
id = "snow-01"
name = "積雪計"
model = "senml"
station = "pass"
mount_height_m = 4.0
expected_interval_s = 600
[[device]]
id = "trap-01"
name = "わな"
model = "milesight_em300_mcs"
station = "wood"
address = "24e124136b000001"
expected_interval_s = 7200
[[contact]]
id = "duty"
name = "当番"
email = "duty@test.example"
[[rule]]
id = "deep"
kind = "threshold"
domain = "snow"
quantity = "snow_depth"
severity = "warning"
params = {{ raise_at = 1.5, clear_at = 1.4 }}
[[rule]]
id = "sprung"
kind = "contact_event"
domain = "wildlife"
severity = "critical"
[[route]]
id = "all"
contacts = ["duty"]
channels = ["smtp"]
"""


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; one that ended and was not asked for its exit code does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def children_of(pid: int) -> list[int]:
    """The processes whose parent is `pid`."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            stat = (folder / "stat").read_text(encoding="ascii", errors="replace") if folder.name.isdigit() else ""
        except OSError:
            continue
        if stat and int(stat.rpartition(")")[2].split()[1]) == pid:
            found.append(int(folder.name))
    return found
