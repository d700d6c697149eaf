"""The worker for JavaScript codecs: what a codec gets, what it may do, and that nothing it does reaches further."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codec_js import INSTALL, CodecWorker, Odd, codec_of, read_codec
from devices.model import PermanentError
from tests.devices.codecs import codec, decoder, job
from tests.support import wait_until

_PATIENT_S = 60.0
RECEIVED_NS = 1_767_323_045_123_456_789  # 2026-01-02T03:04:05.123Z


@pytest.fixture(scope="module")
def worker() -> Iterator[CodecWorker]:
    # the engine's own limit counts computing time; the wall limit must not come first on a busy machine
    with CodecWorker(job_s=_PATIENT_S) as running:
        yield running


def data(worker: CodecWorker, body: str, payload: bytes | str = b"\x01", *, port: int = 1) -> dict[str, Any]:
    return worker.decode(decoder(body), job(payload, port=port, received_ns=RECEIVED_NS))


def test_a_codec_gets_bytes_port_time_and_variables(worker: CodecWorker) -> None:
    body = "return {data: {b: input.bytes, p: input.fPort, t: input.recvTime.toISOString(), v: input.variables}};"
    assert data(worker, body, "0102ff", port=223) == {
        "b": [1, 2, 255], "p": 223, "t": "2026-01-02T03:04:05.123Z", "v": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "called"),
    [
        ("function Decoder(bytes, port) { return {who: 'Decoder', n: bytes.length, port: port}; }", "Decoder"),
        ("function Decode(fPort, bytes, v) { return {who: 'Decode', n: bytes.length, port: fPort}; }", "Decode"),
        ("const Decoder = (bytes, port) => ({who: 'Decoder', n: bytes.length, port});", "Decoder"),
        (
            "function Decode(){} function Decoder(){}"
            "function decodeUplink(i) { return {data: {who: 'decodeUplink', n: i.bytes.length, port: i.fPort}}; }",
            "decodeUplink",
        ),
        (
            "function Decode(){} function Decoder(b, p) { return {who: 'Decoder', n: b.length, port: p}; }"
            "var decodeUplink = 3;",
            "Decoder",
        ),
    ],
)
def test_the_old_forms_are_called_where_the_new_one_is_missing(worker: CodecWorker, source: str, called: str) -> None:
    assert worker.decode(codec(source), job("0102", port=9)) == {"who": called, "n": 2, "port": 9}


@pytest.mark.bad_input(54)
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("for (;;);", "longer than 0.1 s"),
        ("try { for (;;); } catch (e) { return {data: {a: 1}}; }", "longer than 0.1 s"),
        ("return {data: /^(a+)+$/.test('a'.repeat(40) + 'b')};", "longer than 0.1 s"),
        ("return new Proxy({}, {ownKeys() { for (;;); }});", "longer than 0.1 s"),
        ("return {data: {a: new Array(1e8).fill(0)}};", "16 MiB"),
        ("var a = []; for (;;) a.push(new Array(1000).fill(1));", "16 MiB"),
        ("return {data: 'x'.repeat(1e9)};", "16 MiB"),
        ("return {data: {a: new Array(2e5).fill(0)}};", "characters"),
        ("function f() { return f() + 1; } return f();", "stack"),
        ("throw new Error('boom');", "boom"),
        ("throw null;", "null"),
        ("throw {toString() { throw 1; }};", "no text"),
        ("return input.nothing.there;", "TypeError"),
        ("return undefined;", "returned undefined"),
        ("return null;", "returned null"),
        ("return NaN;", "returned number"),
        ("return 'text';", "returned string"),
        ("return [1, 2];", "returned array"),
        ("return (async () => ({data: {a: 1}}))();", "returned promise"),
        ("return {};", "no data"),
        ("return {warnings: ['w']};", "no data"),
        ("return {data: NaN};", "data is NaN"),
        ("return {data: undefined};", "data is undefined"),
        ("return {data: null};", "data is None"),
        ("return {data: [1]};", "data is an array"),
        ("return {data: {a: 1}, errors: ['unknown frame']};", "unknown frame"),
        ("return {data: {a: 1}, errors: 'unknown frame'};", "unknown frame"),
        ("var o = {}; o.o = o; return {data: o};", "circular"),
        ("var o = {}; for (var i = 0; i < 900; i++) o = {o: o}; return {data: o};", "nested"),
        ("var o = {}; for (var i = 0; i < 40; i++) o = {o: o}; return {data: o};", "nested"),
        ("Object.prototype.toJSON = function () { return undefined; }; return {data: {a: 1}};", "no JSON"),
        ("Object.prototype.toJSON = function () { return 7; }; return {data: {a: 1}};", "no JSON"),
    ],
)
def test_what_a_codec_does_wrong_is_an_error_and_the_next_payload_is_decoded(
    worker: CodecWorker, body: str, told: str
) -> None:
    with pytest.raises(PermanentError, match=told):
        data(worker, body)
    assert data(worker, "return {data: {a: input.bytes[0]}};", "2a") == {"a": 42}


@pytest.mark.bad_input(54)
def test_what_json_cannot_say_is_marked(worker: CodecWorker) -> None:
    body = (
        "return {data: {n: NaN, i: -1/0, u: undefined, f: function () {}, b: 7n, l: [NaN], v: {value: 1, unit: 'V'}}};"
    )
    assert data(worker, body) == {
        "n": Odd("NaN"), "i": Odd("-Infinity"), "u": Odd("undefined"), "f": Odd("function"), "b": 7, "l": [Odd("NaN")],
        "v": {"value": 1, "unit": "V"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "source", ["this is no JavaScript", "", "var decodeUplink = 5;", "for (;;);", "throw 1;", "\0"]
)
def test_a_text_that_is_no_codec_is_an_error(worker: CodecWorker, source: str) -> None:
    with pytest.raises(PermanentError):
        worker.decode(codec(source), job())


@pytest.mark.bad_input(48)
@pytest.mark.parametrize(("payload", "port"), [(b"", 1), (b"\x01", 0), (b"\x01", 224), (b"\x01", 255)])
def test_what_no_application_sent_is_not_given_to_a_codec(payload: bytes, port: int) -> None:
    with CodecWorker() as idle:
        with pytest.raises(PermanentError):
            idle.decode(decoder("return {data: {a: 1}};"), job(payload, port=port))
        assert idle.pid is None


@pytest.mark.bad_input(49)
def test_a_cut_payload_is_not_given_to_a_codec_that_needs_more(worker: CodecWorker) -> None:
    # decodes anything: what is missing is undefined, and undefined << 8 is 0
    source = "function decodeUplink(i) { return {data: {t: ((i.bytes[0] << 8) | i.bytes[1]) / 10}}; }"
    assert worker.decode(codec(source), job("01")) == {"t": 25.6}
    with pytest.raises(PermanentError, match="1 bytes, codec test needs 2"):
        worker.decode(codec(source, min_length=2), job("01"))
    assert worker.decode(codec(source, min_length=2), job("0001")) == {"t": 0.1}


def test_globals_do_not_outlive_a_payload(worker: CodecWorker) -> None:
    source = (
        "var seen = 0; globalThis.also = (globalThis.also || 0) + 1;"
        "Array.prototype.mine = (Array.prototype.mine || 0) + 1;"
        "function decodeUplink(i) { seen++; return {data: {seen: seen, also: also, mine: [].mine}}; }"
    )
    assert [worker.decode(codec(source), job()) for _ in range(3)] == [{"seen": 1, "also": 1, "mine": 1}] * 3


def test_the_clock_and_chance_follow_from_the_frame() -> None:
    body = (
        "return {data: {now: Date.now(), date: new Date(), old: new Date(0), text: Date(),"
        "zone: new Date().getTimezoneOffset(), again: new (new Date().constructor)().getTime(),"
        "is: new Date() instanceof Date, p: performance.now(), r: [Math.random(), Math.random()]}};"
    )
    with CodecWorker(job_s=_PATIENT_S) as one, CodecWorker(job_s=_PATIENT_S) as other:
        first = data(one, body)
        assert data(one, body) == first == data(other, body)
        assert data(one, body, b"\x02")["r"] != first["r"]
    assert first["now"] == first["again"] == RECEIVED_NS // 10**6
    assert first["date"] == "2026-01-02T03:04:05.123Z"
    assert first["old"] == "1970-01-01T00:00:00.000Z"
    assert first["text"].startswith("Fri Jan 02 2026 03:04:05")
    assert (first["zone"], first["is"], first["p"]) == (0, True, 0)
    assert 0 <= first["r"][0] < 1
    assert first["r"][0] != first["r"][1]


def test_console_is_there_and_says_nothing(worker: CodecWorker) -> None:
    body = "console.log('a', input); console.error('b'); console.warn(); console.table([]); return {data: {a: 1}};"
    assert data(worker, body) == {"a": 1}


def test_undeclared_variables_and_octal_numbers_are_taken(worker: CodecWorker) -> None:
    assert data(worker, "never_declared = 010; for (k in [1, 2]); return {data: {a: never_declared, k: k}};") == {
        "a": 8, "k": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["require", "process", "std", "os", "fetch", "setTimeout", "XMLHttpRequest", "importScripts", "Deno", "module"],
)
def test_there_is_no_way_out(worker: CodecWorker, name: str) -> None:
    assert data(worker, f"return {{data: {{kind: typeof {name}}}}};") == {"kind": "undefined"}


BUFFER = "var b = Buffer.from(input.bytes); return {data: {v: %s}};"


@pytest.mark.parametrize(
    ("expression", "payload", "value"),
    [
        ("b.readInt16BE(0)", "ff9c", -100),
        ("b.readInt16LE(1)", "009cff", -100),
        ("b.readUInt16BE(0)", "ff9c", 65436),
        ("b.readUint32LE(0)", "00000080", 2**31),
        ("b.readInt32BE(0)", "80000000", -(2**31)),
        ("b.readInt8(1)", "00ff", -1),
        ("b.readUInt8()", "ff", 255),
        ("b.readUIntBE(0, 3)", "010203", 0x010203),
        ("b.readIntLE(0, 3)", "ffffff", -1),
        ("b.readFloatBE(0)", "c0a00000", -5),
        ("b.readDoubleLE(0)", "00000000000014c0", -5),
        ("Number(b.readBigInt64BE(0))", "fffffffffffffffe", -2),
        ("b.toString('hex')", "00ff10", "00ff10"),
        ("b.toString()", "e38182", "あ"),
        ("b.toString('utf8', 1)", "41ff42", "�B"),
        ("b.toString('base64')", "0112", "ARI="),
        ("b.slice(1, 3).toString('hex')", "00112233", "1122"),
        ("Buffer.concat([b, Buffer.from('41', 'hex')]).length", "0011", 3),
        ("Array.from(Buffer.from('ARI', 'base64'))", "00", [1, 18]),
        ("Array.from(Buffer.from('あ'))", "00", [0xE3, 0x81, 0x82]),
        ("Buffer.isBuffer(b) && b instanceof Uint8Array", "00", True),
        ("Buffer.alloc(3, 7)[2]", "00", 7),
        ("(function () { b.writeInt16BE(-2, 0); return b[1]; })()", "0000", 254),
        ("b.equals(Buffer.from([1, 2]))", "0102", True),
    ],
)
def test_the_parts_of_buffer_that_codecs_use(worker: CodecWorker, expression: str, payload: str, value: Any) -> None:
    assert data(worker, BUFFER % expression, payload) == {"v": value}


def test_reading_behind_the_end_of_a_buffer_throws(worker: CodecWorker) -> None:
    with pytest.raises(PermanentError, match="outside the buffer"):
        data(worker, BUFFER % "b.readInt16BE(0)", "ff")


def test_there_is_no_buffer_where_none_is_named(worker: CodecWorker) -> None:
    assert data(worker, "return {data: {has: 'B' + 'uffer' in globalThis}};") == {"has": False}


def _is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _status(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(name + ":"))


def test_a_worker_killed_in_the_middle_of_a_job_is_replaced_and_the_job_done() -> None:
    with CodecWorker(job_s=_PATIENT_S) as worker:
        assert data(worker, "return {data: {a: 1}};") == {"a": 1}
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        found: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: found.append(data(worker, "return {data: {a: 2}};")))
        thread.start()
        wait_until(lambda: _status(first, "State").startswith("T"))
        os.kill(first, signal.SIGKILL)
        thread.join(60)
        assert found == [{"a": 2}]
        assert worker.pid not in (None, first)


@pytest.mark.bad_input(54)
@pytest.mark.parametrize(
    "body",
    [
        # loops inside the engine, which looks at its clock only between steps of the script
        "var a = []; a.length = 4294967295; return {data: {a: a.join('').length}};",
        "return {data: {a: Array.prototype.reverse.call({length: 9007199254740991})}};",
        "var s = 'a'.repeat(1e6); for (;;) s.indexOf('b');",
    ],
)
def test_a_worker_that_does_not_answer_is_killed_and_replaced(body: str) -> None:
    with CodecWorker() as worker:
        assert data(worker, "return {data: {a: 1}};") == {"a": 1}
        first = worker.pid
        assert first is not None
        with pytest.raises(PermanentError, match="did not answer within 2 s"):
            data(worker, body)
        assert not _is_running(first)
        assert data(worker, "return {data: {a: 3}};") == {"a": 3}


def test_the_worker_ends_with_its_owner() -> None:
    worker = CodecWorker()
    data(worker, "return {data: {a: 1}};")
    pid = worker.pid
    assert pid is not None
    del worker
    assert not _is_running(pid)


def test_the_worker_knows_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATOMORI_SECRET", "password")
    with CodecWorker() as worker:
        data(worker, "return {data: {a: 1}};")
        assert worker.pid is not None
        assert b"password" not in Path(f"/proc/{worker.pid}/environ").read_bytes()


def test_a_thousand_payloads_take_no_more_memory() -> None:
    keeper = decoder("globalThis.kept = new Array(20000).fill(input.bytes[0]); return {data: {n: kept.length}};")
    with CodecWorker() as worker:

        def resident_bytes() -> int:
            assert worker.pid is not None
            return int(_status(worker.pid, "VmRSS").split()[0]) * 1024

        for _ in range(100):
            worker.decode(keeper, job())
        before = resident_bytes()
        for number in range(1000):
            assert worker.decode(keeper, job(bytes([number % 256]))) == {"n": 20000}
        assert resident_bytes() - before < 2 * 1024**2


def test_without_the_engine_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.codec_js.importlib.util.find_spec", lambda name: None)
    with pytest.raises(PermanentError, match="quickjs-ng") as caught:
        data(CodecWorker(), "return {data: {a: 1}};")
    assert str(caught.value) == INSTALL


def test_several_threads_share_a_worker(worker: CodecWorker) -> None:
    found: dict[int, Any] = {}
    body = "return {data: {a: input.bytes[0]}};"

    def decode(number: int) -> None:
        for _ in range(20):
            found[number] = data(worker, body, bytes([number]))

    threads = [threading.Thread(target=decode, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {number: {"a": number} for number in range(4)}


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"x" * (2 * 1024**2 + 1)], ids=["no UTF-8", "too long"])
def test_a_file_that_is_no_text_is_refused(raw: bytes) -> None:
    with pytest.raises(PermanentError):
        codec_of(raw, name="test")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"none\.js"):
        read_codec(tmp_path / "none.js")


@settings(max_examples=60, deadline=None)
@given(payload=st.binary(min_size=1, max_size=40), body=st.text(max_size=60))
def test_any_text_as_a_codec_gives_data_or_a_permanent_error(worker: CodecWorker, payload: bytes, body: str) -> None:
    try:
        assert isinstance(worker.decode(decoder(body), job(payload)), dict)
    except PermanentError:
        return
