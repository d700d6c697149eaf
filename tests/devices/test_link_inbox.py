from __future__ import annotations

from threading import Timer

from devices.link_inbox import Inbox


def test_items_come_out_in_order_and_no_more_than_asked() -> None:
    inbox: Inbox[str] = Inbox(len)
    inbox.put(["a", "b"])
    inbox.put(["c"])
    assert inbox.take(timeout_s=0.0, most=2) == ["a", "b"]
    assert inbox.take(timeout_s=0.0, most=2) == ["c"]
    assert inbox.take(timeout_s=0.0, most=2) == []


def test_it_is_full_by_number() -> None:
    inbox: Inbox[str] = Inbox(len, most_items=2)
    inbox.put(["a"])
    assert inbox.has_room()
    inbox.put(["b", "c"])
    assert not inbox.has_room()
    inbox.take(timeout_s=0.0, most=1)
    assert not inbox.has_room()
    inbox.take(timeout_s=0.0, most=1)
    assert inbox.has_room()


def test_it_is_full_by_bytes() -> None:
    inbox: Inbox[str] = Inbox(len, most_bytes=10)
    inbox.put(["a" * 5, "b" * 4])
    assert inbox.has_room()
    inbox.put(["c"])
    assert not inbox.has_room()
    assert inbox.take(timeout_s=0.0, most=1) == ["a" * 5]
    assert inbox.has_room()
    inbox.put(["d" * 5])
    assert not inbox.has_room()
    assert inbox.take(timeout_s=0.0, most=9) == ["b" * 4, "c", "d" * 5]
    inbox.put(["e" * 9])
    assert inbox.has_room()


def test_taking_waits_for_the_first_item() -> None:
    inbox: Inbox[str] = Inbox(len)
    timer = Timer(0.05, inbox.put, args=[["a"]])
    timer.start()
    assert inbox.take(timeout_s=10.0, most=5) == ["a"]


def test_room_is_waited_for() -> None:
    inbox: Inbox[str] = Inbox(len, most_items=1)
    inbox.put(["a"])
    timer = Timer(0.05, inbox.take, kwargs={"timeout_s": 0.0, "most": 1})
    timer.start()
    assert inbox.has_room(timeout_s=10.0)


def test_emptiness_is_waited_for() -> None:
    inbox: Inbox[str] = Inbox(len)
    inbox.put(["a"])
    timer = Timer(0.05, inbox.take, kwargs={"timeout_s": 0.0, "most": 1})
    timer.start()
    inbox.wait_empty(timeout_s=10.0)
    assert inbox.take(timeout_s=0.0, most=1) == []
