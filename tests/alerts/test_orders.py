"""The order book: on disk when it answers, the same order once, readable while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alerts.orders import OrderBook, OrderReader
from devices.model import PermanentError, TransientError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@pytest.fixture
def book(path: Path) -> Iterator[OrderBook]:
    book = OrderBook(path)
    yield book
    book.close()


@pytest.fixture
def reader(path: Path) -> Iterator[OrderReader]:
    reader = OrderReader(path)
    yield reader
    reader.close()


def test_before_the_first_order_there_is_nothing(reader: OrderReader, path: Path) -> None:
    assert (reader.book_id(), reader.orders_after(0), path.exists()) == ("", [], False)


def test_an_order_is_there_when_it_is_answered(book: OrderBook, reader: OrderReader) -> None:
    order = book.acknowledge("a1", by="road", at_ns=5, via="link")
    assert [(row.order_no, row.acknowledgement) for row in reader.orders_after(0)] == [(1, order)]
    assert (order.alert_id, order.by, order.at_ns, order.via) == ("a1", "road", 5, "link")


def test_the_same_order_again_is_the_first_one(book: OrderBook, reader: OrderReader) -> None:
    first = book.acknowledge("a1", by="road", at_ns=5, via="link")
    assert book.acknowledge("a1", by=" road ", at_ns=9, via="page") == first
    assert len(reader.orders_after(0)) == 1


def test_another_person_and_another_alert_are_other_orders(book: OrderBook, reader: OrderReader) -> None:
    ids = {book.acknowledge(a, by=b, at_ns=5, via="page").order_id for a in ("a1", "a2") for b in ("road", "it")}
    assert len(ids) == 4
    assert [row.order_no for row in reader.orders_after(1, limit=2)] == [2, 3]


@pytest.mark.parametrize("name", ["", "   ", "\n\t", "x" * 101])
def test_a_name_has_1_to_100_characters(book: OrderBook, name: str) -> None:
    with pytest.raises(PermanentError, match="1 to 100"):
        book.acknowledge("a1", by=name, at_ns=5, via="page")


def test_a_name_is_one_line(book: OrderBook) -> None:
    assert book.acknowledge("a1", by="道路係\r\n 佐藤", at_ns=5, via="page").by == "道路係 佐藤"


def test_threads_share_one_book(book: OrderBook, reader: OrderReader) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: book.acknowledge(f"a{i % 20}", by="road", at_ns=i, via="api"), range(100)))
    orders = reader.orders_after(0)
    assert sorted(row.acknowledgement.alert_id for row in orders) == sorted(f"a{i}" for i in range(20))
    numbers = [row.order_no for row in orders]  # a repeat that changes nothing may still use up a number
    assert numbers == sorted(set(numbers))


def test_a_replaced_book_is_another_one(book: OrderBook, reader: OrderReader, path: Path) -> None:
    book.acknowledge("a1", by="road", at_ns=5, via="page")
    before = reader.book_id()
    book.close()
    for part in path.parent.iterdir():
        part.unlink()
    book.acknowledge("a2", by="it", at_ns=6, via="page")
    assert reader.book_id() != before
    assert [row.acknowledgement.alert_id for row in reader.orders_after(0)] == ["a2"]


def test_a_folder_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="orders"):
        OrderBook(tmp_path / "gone" / "orders.db").acknowledge("a1", by="road", at_ns=5, via="page")
