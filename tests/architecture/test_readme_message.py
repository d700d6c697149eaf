"""The seam 2 message that the README shows means what the README says."""

from __future__ import annotations

import re
from pathlib import Path

from devices.senml import decode_pack

README = Path(__file__).parents[2] / "README.md"


def test_the_message_of_the_readme_is_read_as_it_says() -> None:
    found = re.search(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    pack = decode_pack(found[1].encode(), publisher="snow-03", arrived_ns=1_768_867_205_000_000_000)
    assert pack.quarantine == ()
    said = [(r.device_id, r.quantity, r.value, r.seq, r.observed_ns) for r in pack.readings]
    assert said == [
        ("snow-03", "snow_depth", 0.425, 17, 1_768_867_200_000_000_000),
        ("snow-03", "air_temperature", -3.5, 17, 1_768_867_200_000_000_000),
    ]
