"""The cards of the stations as everybody who follows the live stream has them, brought up to date piece by piece.

A card costs its station's devices 0.1 ms each, and most change by nothing but time. So a look takes the stations of
which something was heard first, then the next ones in turn, and no more devices than `LOOK_DEVICES`, however big the
town: readings must not wait behind cards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from api.cards import member_ids, station_out
from api.schemas import AlertOut
from api.sources import Sources
from devices.site import Station
from ingest.journal_read import LatestRow

LOOK_DEVICES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at `stations` found: the cards, as JSON by station id, that are not as everybody has them.

    `turn` is where the next look goes on.
    """

    stations: tuple[str, ...]
    changed: Mapping[str, str]
    turn: int


class Cards:
    """Knows the newest values and what was last told of each station. Looking changes nothing until `remember`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._stations = sources.town.site.station
        self._latest: dict[str, dict[str, LatestRow]] = {}
        self._told: dict[str, str] = {}
        self._due: dict[str, None] = {}
        self._turn = 0

    def hear(self, rows: Iterable[LatestRow]) -> None:
        """Take in newest values; the cards of their stations are due."""
        for row in rows:
            self._latest.setdefault(row.device_id, {})[row.quantity] = row
            self._due[self._sources.town.station_of(row.device_id)] = None

    def hear_of(self, alerts: Iterable[AlertOut]) -> None:
        """Take in that these alerts changed; the cards of their stations are due."""
        town = self._sources.town
        for alert in alerts:
            places = (alert.station_id, town.station_of(alert.subject), town.station_of(alert.device_id))
            self._due |= dict.fromkeys(places)

    def forget_values(self) -> None:
        """Forget all newest values: they are those of another journal."""
        self._latest.clear()
        self._due |= dict.fromkeys(station.id for station in self._stations)

    def newest(self) -> Iterator[LatestRow]:
        """Give all newest values."""
        for rows in self._latest.values():
            yield from rows.values()

    def newest_of(self, device_ids: Iterable[str]) -> list[LatestRow]:
        """Return the newest values of these devices and gateways."""
        return [row for device_id in device_ids for row in self._latest.get(device_id, {}).values()]

    def look(self, *, most_devices: int = LOOK_DEVICES) -> Look:
        """Return what changed at the stations whose turn it is; always of one station at least."""
        stations, turn = self._next(most_devices)
        town = self._sources.town
        ids = (device_id for station in stations for device_id in member_ids(town, station.id))
        picture = self._sources.picture(self.newest_of(ids), self._sources.open_alerts())
        cards = {station.id: station_out(picture, station).model_dump_json() for station in stations}
        return Look(
            stations=tuple(cards),
            changed={key: card for key, card in cards.items() if self._told.get(key) != card},
            turn=turn,
        )

    def remember(self, look: Look) -> None:
        """Note that everybody has been told what the look found."""
        self._told |= look.changed
        self._turn = look.turn
        for station_id in look.stations:
            self._due.pop(station_id, None)
        self._due.pop("", None)  # of what stands nowhere there is no card

    def all(self) -> Sequence[str]:
        """Return all cards as they were told, as JSON."""
        return tuple(self._told.values())

    def _next(self, most_devices: int) -> tuple[list[Station], int]:
        known = self._sources.town.stations
        found = {key: known[key] for key in self._due if key in known}
        chosen: dict[str, Station] = {}
        room = most_devices
        for station in found.values():
            if room > 0:
                chosen[station.id] = station
                room -= self._size(station)
        turn = self._turn
        for step in range(len(self._stations)):
            if room <= 0:
                break
            station = self._stations[(self._turn + step) % len(self._stations)]
            turn = (self._turn + step + 1) % len(self._stations)
            if station.id not in chosen:
                chosen[station.id] = station
                room -= self._size(station)
        return list(chosen.values()), turn

    def _size(self, station: Station) -> int:
        return max(1, len(member_ids(self._sources.town, station.id)))
