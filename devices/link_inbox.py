"""A queue between the network thread and the one that works, bounded in number and in bytes."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

MOST_ITEMS = 20_000
MOST_BYTES = 64 * 1024 * 1024

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """First in, first out; thread-safe."""

    def __init__(self, *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES) -> None:
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._arrived = Condition()

    def put(self, item: Item, *, size_bytes: int) -> bool:
        """Add an item; False when there is no room. Into an empty inbox one item always goes, however big."""
        with self._arrived:
            is_full = len(self._items) >= self._most_items or self._bytes + size_bytes > self._most_bytes
            if is_full and self._items:
                return False
            self._items.append((item, size_bytes))
            self._bytes += size_bytes
            self._arrived.notify()
        return True

    def take(self, *, timeout_s: float, most: int) -> list[Item]:
        """Return at most `most` items, oldest first; waits up to `timeout_s` for the first, empty if none came."""
        with self._arrived:
            self._arrived.wait_for(lambda: bool(self._items), timeout=timeout_s)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(size_bytes for _, size_bytes in taken)
        return [item for item, _ in taken]
