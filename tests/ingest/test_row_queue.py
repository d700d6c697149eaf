"""Columns that are added to at the end and dropped at the front."""

from __future__ import annotations

import numpy as np

from ingest.row_queue import RowQueue


def test_what_is_added_is_there_until_it_is_cut() -> None:
    queue, plain = RowQueue(np.int64), list[int]()
    for number in range(1, 60):
        queue.add(np.arange(number), count=number)
        plain += range(number)
        dropped = len(plain) // 3
        queue.cut(dropped)
        plain = plain[dropped:]
        assert (queue.values.tolist(), len(queue)) == (plain, len(plain))


def test_one_value_for_all_and_none_at_all() -> None:
    queue = RowQueue(np.uint8)
    queue.add(np.empty(0, np.uint8), count=0)
    queue.add(7, count=40)
    queue.values[3] = 9
    assert (queue.values[:5].tolist(), len(queue)) == ([7, 7, 7, 9, 7], 40)


def test_the_room_is_bounded_by_what_is_held() -> None:
    queue = RowQueue(np.int64)
    for _ in range(1000):
        queue.add(0, count=100)
        queue.cut(max(0, len(queue) - 500))
    assert queue.values.base is not None
    assert queue.values.base.nbytes <= 8 * 1000
