"""A queue between the network thread and the one that works, bounded in number and in bytes by who fills it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition
from typing import Generic, TypeVar

MOST_ITEMS = 20_000
MOST_BYTES = 64 * 1024 * 1024

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """First in, first out; thread-safe. Whoever fills it asks `has_room` before receiving more."""

    def __init__(
        self, size_of: Callable[[Item], int], *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES
    ) -> None:
        """Begin empty; `size_of` gives the bytes of an item."""
        self._size_of = size_of
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._changed = Condition()

    def put(self, items: Sequence[Item]) -> None:
        """Add items in their order, also to a full inbox: what has been received must not be dropped."""
        size_bytes = sum(map(self._size_of, items))
        with self._changed:
            self._items.extend(items)
            self._bytes += size_bytes
            self._changed.notify_all()

    def has_room(self, *, timeout_s: float = 0.0) -> bool:
        """Return whether there is room for more; waits up to `timeout_s` for it."""
        with self._changed:
            return self._changed.wait_for(self._is_below_bounds, timeout=timeout_s)

    def _is_below_bounds(self) -> bool:
        return len(self._items) < self._most_items and self._bytes < self._most_bytes

    def wait_empty(self, *, timeout_s: float) -> None:
        """Wait until all was taken, at most `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._items, timeout=timeout_s)

    def take(self, *, timeout_s: float, most: int) -> list[Item]:
        """Return at most `most` items, oldest first; waits up to `timeout_s` for the first, empty if none came."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items), timeout=timeout_s)
            if len(self._items) <= most:
                taken = list(self._items)
                self._items.clear()
                self._bytes = 0
            else:
                taken = [self._items.popleft() for _ in range(most)]
                self._bytes -= sum(map(self._size_of, taken))
            self._changed.notify_all()
        return taken
