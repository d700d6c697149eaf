"""A queue between the network thread and the one that works, bounded in number and in bytes by who fills it."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

MOST_ITEMS = 20_000
MOST_BYTES = 64 * 1024 * 1024

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """First in, first out; thread-safe. Whoever fills it asks `has_room` before receiving more."""

    def __init__(self, *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES) -> None:
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._changed = Condition()

    def put(self, item: Item, *, size_bytes: int) -> None:
        """Add an item, also to a full inbox: what has been received must not be dropped."""
        with self._changed:
            self._items.append((item, size_bytes))
            self._bytes += size_bytes
            self._changed.notify_all()

    def has_room(self, *, timeout_s: float = 0.0) -> bool:
        """Return whether there is room for more; waits up to `timeout_s` for it."""
        with self._changed:
            return self._changed.wait_for(self._is_below_bounds, timeout=timeout_s)

    def _is_below_bounds(self) -> bool:
        return len(self._items) < self._most_items and self._bytes < self._most_bytes

    def take(self, *, timeout_s: float, most: int) -> list[Item]:
        """Return at most `most` items, oldest first; waits up to `timeout_s` for the first, empty if none came."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items), timeout=timeout_s)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(size_bytes for _, size_bytes in taken)
            self._changed.notify_all()
        return [item for item, _ in taken]
