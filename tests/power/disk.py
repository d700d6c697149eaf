"""A disk that loses what was not synced: the log of what was done to a folder, and what a power cut may leave of it.

The model is harsher than a usual file system. Of what was written to a file since its last sync, each 512 bytes (or
each 4 KiB) are there or not, in any combination; room beyond the old end may hold noise; each change of length may be
missing. A name made, renamed or removed counts only once the folder was synced; before that, any number of the
changes of names may be missing from the end.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

SECTOR = 512
PAGE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes written to a file, which is known by a number since its name may change."""

    file: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    file: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    file: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    name: str
    file: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class SyncFolder:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """From here on the outside may rely on the first `step` steps."""

    step: int


NameChange = Create | Unlink | Rename
FileChange = Write | Truncate
Change = NameChange | FileChange | Sync | SyncFolder | Told
Names = dict[str, int]


class Loss(Enum):
    """What becomes of that which was not synced."""

    ALL = "all of it is lost"
    NONE = "all of it is there"
    SECTORS = "each 512 bytes are there or not"
    PAGES = "each 4 KiB are there or not, noise where nothing was written"
    OLDEST = "the newest is there, what was written before it is not"


@dataclass(slots=True)
class _File:
    synced: bytes = b""
    since: list[FileChange] = field(default_factory=list)


class Disk:
    """Takes the changes one after the other; `after_cut` says what a power cut at that moment leaves."""

    def __init__(self, contents: Mapping[str, bytes] | None = None) -> None:
        """Begin with files that are on disk for certain; they bear the numbers -1, -2 … in the order of names."""
        found = {name: -number for number, name in enumerate(sorted(contents or {}), start=1)}
        self._files = {number: _File(synced=(contents or {})[name]) for name, number in found.items()}
        self._synced_names: Names = dict(found)
        self._name_changes: list[NameChange] = []
        self.told = 0

    def do(self, change: Change) -> None:
        """Carry out the next change."""
        match change:
            case Told(step=step):
                self.told = step
            case Write(file=file) | Truncate(file=file):
                self._files.setdefault(file, _File()).since.append(change)
            case Sync(file=file):
                found = self._files.setdefault(file, _File())
                found.synced, found.since = _whole(found), []
            case SyncFolder():
                self._synced_names, self._name_changes = self._names(len(self._name_changes)), []
            case Create() | Unlink() | Rename():
                self._name_changes.append(change)

    def after_cut(self, loss: Loss, chance: random.Random) -> dict[str, bytes]:
        """Return the contents of the folder by name."""
        kept = {Loss.ALL: 0, Loss.NONE: len(self._name_changes)}.get(loss)
        names = self._names(chance.randint(0, len(self._name_changes)) if kept is None else kept)
        empty = _File()
        return {name: _after_cut(self._files.get(number, empty), loss, chance) for name, number in names.items()}

    def _names(self, kept: int) -> Names:
        names = dict(self._synced_names)
        for change in self._name_changes[:kept]:
            match change:
                case Create(name=name, file=file):
                    names[name] = file
                case Unlink(name=name):
                    names.pop(name, None)
                case Rename(old=old, new=new):
                    names[new] = names.pop(old)
        return names


def _whole(file: _File) -> bytes:
    content = bytearray(file.synced)
    for change in file.since:
        _apply(content, change)
    return bytes(content)


def _apply(content: bytearray, change: FileChange) -> None:
    match change:
        case Truncate(size=size):
            del content[size:]
        case Write(offset=offset, content=written):
            if len(content) < offset:
                content.extend(bytes(offset - len(content)))
            content[offset : offset + len(written)] = written


def _after_cut(file: _File, loss: Loss, chance: random.Random) -> bytes:
    if loss is Loss.NONE or not file.since:
        return _whole(file)
    content = bytearray(file.synced)
    if loss is Loss.ALL:
        return bytes(content)
    if loss is Loss.OLDEST:
        for change in file.since[chance.randrange(len(file.since)) :]:
            _apply(content, change)
        return bytes(content)
    odds = chance.choice((0.1, 0.5, 0.9))
    for change in file.since:
        for piece in _pieces(change, SECTOR if loss is Loss.SECTORS else PAGE):
            if chance.random() < odds:
                _apply(content, piece)
            elif loss is Loss.PAGES:
                _grow_with_noise(content, piece, chance)
    return bytes(content)


def _pieces(change: FileChange, size: int) -> Iterator[FileChange]:
    """Cut a write where the disk would: at multiples of `size` of the file."""
    if isinstance(change, Truncate):
        yield change
        return
    at, end = change.offset, change.offset + len(change.content)
    while at < end:
        until = min(end, (at // size + 1) * size)
        piece = change.content[at - change.offset : until - change.offset]
        yield Write(file=change.file, offset=at, content=piece)
        at = until


def _grow_with_noise(content: bytearray, missing: FileChange, chance: random.Random) -> None:
    """The length is already on disk, what should be in it is not."""
    if isinstance(missing, Write) and missing.offset >= len(content) and chance.random() < 0.5:
        noise = Write(file=missing.file, offset=missing.offset, content=chance.randbytes(len(missing.content)))
        _apply(content, noise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A power cut before change `place`: what may be relied on, and what the disk holds then."""

    place: int
    loss: Loss
    told: int
    files: Mapping[str, bytes]

    def __str__(self) -> str:
        return f"cut before change {self.place}, {self.loss.value}, told {self.told}"


def cuts(
    changes: Sequence[Change], places: Sequence[int], *, seed: int, contents: Mapping[str, bytes] | None = None
) -> Iterator[Cut]:
    """Cut the power at each of `places` (ascending), with everything lost and in one other way, drawn from `seed`."""
    disk, done = Disk(contents), 0
    for place in places:
        for change in changes[done:place]:
            disk.do(change)
        done = place
        for loss in (
            Loss.ALL,
            random.Random(f"{seed}/{place}").choice([each for each in Loss if each is not Loss.ALL]),
        ):
            files = disk.after_cut(loss, random.Random(f"{seed}/{place}/{loss.name}"))
            yield Cut(place=place, loss=loss, told=disk.told, files=files)


def draw_places(changes: Sequence[Change], *, count: int, seed: int) -> list[int]:
    """Draw `count` places to cut, a third of them among changes of names, of lengths and of the main file.

    Those are rare (checkpoints, starts, ends), and there the order of syncs matters most. Fewer when there are fewer.
    """
    chance = random.Random(seed)
    main = next((change.file for change in changes if isinstance(change, Create)), -1)
    rare = [
        number
        for number, change in enumerate(changes)
        if isinstance(change, NameChange | Truncate | SyncFolder)
        or (isinstance(change, Write | Sync) and change.file == main)
    ]
    drawn = set(chance.sample(rare, min(len(rare), count // 3)))
    rest = [number for number in range(len(changes) + 1) if number not in drawn]
    drawn.update(chance.sample(rest, min(len(rest), count - len(drawn))))
    return sorted(drawn)
