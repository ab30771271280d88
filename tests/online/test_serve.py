"""Reconstruction over HTTP: the same results as of files, bounded memory, nothing that was accepted is lost."""

import asyncio
import gzip
import json
import re
import signal
import socket
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reconstruct_driver import SIZES, events_of
from serve_driver import ARROW, JSON, Served, stream, wait_for

from icereco.errors import IcerecoError
from icereco.online.request_events import MOST_EVENTS, TooManyEventsError, asked, from_arrow
from icereco.tables.schema import PULSE_COLUMNS, SCHEMA

pytest.importorskip("aiohttp", reason="needs icereco[serve]")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A service with the line fit, which takes requests of at most 256 kB."""
    service = Served(tmp_path_factory.mktemp("serve"), "--method", "linefit", "--max-body-mb", "0.25")
    yield service
    code, said = service.end()
    assert (code, "Traceback" in said) == (0, False), said


@pytest.fixture
def start(tmp_path):
    begun = []

    def begin(*arguments, **variables):
        begun.append(Served(tmp_path, *arguments, **variables))
        return begun[-1]

    yield begin
    for service in begun:
        if service.process.poll() is None:
            service.process.kill()
        service.process.communicate()


def as_json(events):
    return {"events": events.to_pylist()}


def assert_equal(rows, others):
    """Equal but for the rounding of float32, in which a model computes."""
    assert [row.keys() for row in rows] == [row.keys() for row in others]
    for row, other in zip(rows, others, strict=True):
        for name, value in row.items():
            expected = other[name]
            if isinstance(value, float) and expected is not None:
                np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5, err_msg=name)
            else:
                assert value == expected, name


def test_the_answer_is_what_reconstruct_writes_in_both_formats(served, tmp_path, invoke):
    events = events_of(SIZES)
    pq.write_table(events, "events.parquet")
    assert invoke("reconstruct", "events.parquet", "--method", "linefit").exit_code == 0
    expected = pq.read_table("events.reco.parquet").to_pylist()
    answer = served.send(events)
    assert answer.headers["Content-Type"] == ARROW
    assert answer.table.to_pylist() == expected
    assert json.loads(answer.table.schema.metadata[b"icereco"])["method"] == "linefit"
    assert served.send_json(as_json(events)).json["reconstructions"] == expected
    assert served.send_json(events.to_pylist(), Accept=ARROW).table.to_pylist() == expected
    assert served.send(events, Accept="text/html, application/json;q=0.9").json["reconstructions"] == expected
    packed = served.send_json(gzip.compress(json.dumps(as_json(events)).encode()), Content_Encoding="gzip")
    assert packed.json["reconstructions"] == expected


def test_the_program_of_the_page_runs(served, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(events_of([5, 6]), "events.parquet")
    (program,) = re.findall(r"```python\n(.*?)```", (root / "docs" / "online.md").read_text(), re.DOTALL)
    names = {}
    exec(program.replace("8765", str(served.port)), names)
    assert names["reconstructions"]["pulses_total"].to_pylist() == [5, 6]


def test_an_event_gets_the_same_in_any_company(start, checkpoint, tmp_path, invoke):
    pq.write_table(events_of(SIZES), "events.parquet")
    done = invoke("reconstruct", "events.parquet", "--model", checkpoint, "--threads", "1")
    assert done.exit_code == 0, done.output
    expected = pq.read_table("events.reco.parquet").to_pylist()
    service = start("--model", checkpoint, "--max-wait-ms", "300")
    events = events_of(SIZES)
    with ThreadPoolExecutor(len(SIZES)) as pool:
        answers = list(pool.map(lambda row: service.send(events[row : row + 1]), range(len(SIZES))))
    assert [answer.status for answer in answers] == [200] * len(SIZES)
    assert_equal([row for answer in answers for row in answer.table.to_pylist()], expected)
    assert service.metric("icereco_batches_total") < len(SIZES)
    assert_equal(service.send(events).table.to_pylist(), expected)


def test_requests_of_other_columns_are_not_mixed(start):
    service = start("--method", "linefit", "--max-wait-ms", "300")
    plain = events_of([5, 9]).drop_columns(["azimuth", "zenith", "energy", "kind"])
    further = events_of([5, 9]).append_column("weight", pa.array([1.5, 2.5]))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(service.send, (plain, further))
    assert "true_azimuth" not in one.table.column_names
    assert other.table["weight"].to_pylist() == [1.5, 2.5]
    assert one.table["azimuth"].to_pylist() == other.table["azimuth"].to_pylist()


def event(**changes):
    return {"event_id": 7, "sensor_id": [1, 2], "time": [1.0, 2.0], "charge": [1.0, 1.0], "auxiliary": [False, True]} | changes  # fmt: skip


WITHOUT_TIME = {name: value for name, value in event().items() if name != "time"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b'{"events": [', "not JSON"),
        ({"event": []}, '{"events": [{"event_id": 1'),
        ([1], '{"events": [{"event_id": 1'),
        ([], "column"),
        ([WITHOUT_TIME], "column time missing"),
        ([event(), event(event_id=8) | {"time": None}], "row 1, event_id 8: time is null"),
        ([event(), event(event_id=8, charge=[1.0, "x"])], "row 1, event_id 8: charge: "),
        ([event(), event(event_id=8, sensor_id=[1, 1.5])], "row 1, event_id 8: sensor_id: "),
        ([event(), event(event_id=8, sensor_id=[1, 5160])], "row 1, event_id 8: sensor_id[1] is 5160"),
        ([event(), event(event_id=8, charge=[1.0, -1.0])], "row 1, event_id 8: charge[1] is -1"),
        ([event(time=[1.0, float("nan")])], "row 0, event_id 7: time[1] is nan"),
        ([event(time=[1.0])], "row 0, event_id 7: lists of different length"),
        ([event(), event()], "more than once"),
        ([event(event_id=1 << 70)], "too large"),
        ([event(weight=1.0), event(event_id=8, weight="a")], "weight"),
    ],
)
def test_bad_events_are_one_message_with_their_place(served, document, words):
    answer = served.send_json(document)
    assert answer.status == 400
    assert words in answer.error
    assert "Traceback" not in answer.error
    assert "--" not in answer.error, "options of a command that the client does not have"


def bomb(table):
    return stream(table, "zstd")


def with_lists_of_nothing(table):
    nothing = pa.ListArray.from_arrays(pa.array([0, (1 << 31) - 1], pa.int32()), pa.nulls((1 << 31) - 1))
    return stream(table[:1].set_column(2, "time", nothing))


def with_wild_offsets(table):
    whole = bytearray(stream(table[:1]))
    place = whole.find(struct.pack("<ii", 0, 40))
    whole[place : place + 8] = struct.pack("<ii", 0, 1 << 30)
    return bytes(whole)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda table: b"no arrow", "not a whole Arrow IPC stream"),
        (lambda table: stream(table)[:-1000], "not a whole Arrow IPC stream"),
        (bomb, "compressed"),
        (lambda table: stream(table.set_column(8, "kind", table["kind"].dictionary_encode())), "dictionaries"),
        (with_lists_of_nothing, "column time is list<item: null>"),
        (with_wild_offsets, "not a whole Arrow IPC stream"),
        (lambda table: stream(table[:0]), "no events"),
        (lambda table: stream(table.drop_columns(["charge"])), "column charge missing"),
        (lambda table: stream(table.append_column("zenith", table["zenith"])), "two columns zenith"),
    ],
    ids=["text", "cut", "compressed", "dictionary", "nulls", "offsets", "empty", "column", "twice"],
)  # fmt: skip
def test_a_damaged_or_malicious_stream_is_refused(served, spoil, words):
    body = spoil(events_of(SIZES))
    answer = served.ask("POST", "/reconstruct", body, Content_Type=ARROW)
    assert answer.status == 400, answer.body
    assert words in answer.error


@pytest.mark.parametrize("form", [ARROW, JSON])
def test_whatever_is_sent_is_read_or_refused(detector, form):
    events, random = events_of([5, 0, 9]), np.random.default_rng(5)
    whole = stream(events) if form == ARROW else json.dumps(events.to_pylist()).encode()
    refused = 0
    for _ in range(1000):
        body = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 9)):
            body[place] = random.integers(256)
        try:
            asked(bytes(body[: random.choice([len(whole), place])]), form, detector)
        except IcerecoError:
            refused += 1
    assert 500 < refused < 1000


def test_too_large_is_413_and_other_formats_are_named(served):
    assert served.send(events_of([20_000])).status == 413
    packed = gzip.compress(b" " * 10_000_000)
    assert served.send_json(packed, Content_Encoding="gzip").status == 413
    assert served.ask("POST", "/reconstruct", b"a,b", Content_Type="text/csv").status == 415
    assert served.send(events_of([3]), Accept="text/html").status == 406
    assert served.ask("GET", "/reconstruct").status == 405
    assert "Not Found" in served.ask("GET", "/nothing").error


def test_events_without_pulses_are_limited_in_number():
    columns = {name: pa.array([[]] * (MOST_EVENTS + 1), SCHEMA.field(name).type) for name in PULSE_COLUMNS}
    table = pa.table({"event_id": range(MOST_EVENTS + 1), **columns})
    with pytest.raises(TooManyEventsError, match="more than 100,000 events"):
        from_arrow(stream(table))


def test_what_a_request_keeps_in_memory_counts_in_the_queue(detector):
    table = events_of([5])
    small = asked(stream(table), ARROW, detector)
    text = asked(stream(table.append_column("text", pa.array(["x" * 100_000]))), ARROW, detector)
    unused = asked(stream(table.append_column("unused", pa.array([b"x" * 100_000]))), ARROW, detector)
    assert (small.pulses, small.weight) == (5, 6)
    assert text.weight > 3000
    assert unused.weight > 2000  # it is left out, but shares its memory with what is not


def test_health_metrics_and_description(served):
    before = served.metric("icereco_events_total")
    assert served.send(events_of([4, 5])).status == 200
    assert served.metric("icereco_events_total") == before + 2
    text = served.ask("GET", "/metrics").body.decode()
    assert 'icereco_requests_total{status="200"}' in text
    assert 'icereco_request_seconds_bucket{le="+Inf"}' in text
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert all(any(line.startswith(name) for name in names) for line in text.splitlines() if line[0] != "#")
    health = served.ask("GET", "/health").json
    assert (health["status"], health["model"], health["detector"]) == ("ok", "method linefit", "icecube86")
    for path in ("/", "/openapi.json"):
        assert "/reconstruct" in served.ask("GET", path).json["paths"]


SLOW = ("--method", "likelihood", "--threads", "1")


def test_a_full_queue_is_429_health_answers_meanwhile_and_a_stop_loses_nothing(start):
    service = start(*SLOW, "--max-queued-pulses", "100")
    statuses = []

    def ask():
        statuses.append(service.send(events_of([60])).status)

    first = threading.Thread(target=ask)
    first.start()
    wait_for(lambda: service.metric("icereco_held_pulses") == 61)
    refused = service.send(events_of([60]))
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert service.ask("GET", "/health").status == 200
    assert statuses == []  # it still computes
    code, said = service.end()
    first.join()
    assert (code, statuses) == (0, [200]), said
    assert "Traceback" not in said


def test_a_stop_under_load_cuts_no_connection(start):
    import aiohttp

    service, body = start("--method", "linefit"), stream(events_of([400] * 5))
    statuses = []

    async def client(session):
        address = f"http://127.0.0.1:{service.port}/reconstruct"
        while not statuses or statuses[-1] != 503:
            try:
                async with session.post(address, data=body, headers={"Content-Type": ARROW}) as answer:
                    assert len(await answer.read()) > 0
                    statuses.append(answer.status)
            except aiohttp.ClientConnectorError:
                return  # the service has ended: nothing was sent

    async def drive():
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            clients = [asyncio.create_task(client(session)) for _ in range(20)]
            await asyncio.sleep(0.5)
            service.process.send_signal(signal.SIGTERM)
            await asyncio.gather(*clients)

    asyncio.run(drive())
    assert service.process.wait(timeout=60) == 0
    assert {*statuses} <= {200, 503}
    assert statuses.count(200) > 20


def test_a_second_signal_ends_it_at_once(start):
    service = start(*SLOW)

    def ask():
        with suppress(OSError):  # it is cut
            service.send(events_of([60] * 50))

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: service.metric("icereco_held_pulses") > 0)
    service.process.send_signal(signal.SIGINT)
    wait_for(lambda: service.ask("GET", "/health").status == 503)
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(timeout=10) == -signal.SIGINT
    asking.join()


def test_other_machines_are_let_in_only_with_the_token(start, invoke):
    done = invoke("serve", "--method", "linefit", "--bind", "0.0.0.0:0")
    assert done.exit_code == 2
    assert "needs a token" in done.stderr
    service = start("--method", "linefit", "--bind", "0.0.0.0:0", ICERECO_TOKEN="secret")
    assert service.send(events_of([5])).status == 401
    assert service.send(events_of([5]), Authorization="Bearer guess").status == 401
    assert service.send(events_of([5]), Authorization="Bearer secret").status == 200
    assert service.ask("GET", "/metrics").status == 401
    assert service.ask("GET", "/health").status == 200


def test_pages_of_other_sites_are_refused_without_a_token(served):
    events = events_of([5])
    assert served.send(events, Origin="http://evil.example").status == 403
    assert served.send(events, Host="evil.example").status == 403
    assert served.send(events, Host="localhost:1").status == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bind", "8765"], "must be HOST:PORT"),
        (["--bind", "127.0.0.1:99999"], "must be HOST:PORT"),
        (["--token", ""], "--token must not be empty"),
        (["--run", "nothing"], "there is no run 'nothing'"),
        (["--method", "linfit"], "did you mean 'linefit'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_to_serve_is_explained(invoke, arguments, words):
    done = invoke("serve", *arguments)
    assert done.exit_code == 2, done.output
    assert words in done.stderr


def test_an_address_that_is_taken_is_one_message(invoke):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = invoke("serve", "--method", "linefit", "--bind", address)
    assert done.exit_code == 2, done.output
    assert f"cannot listen on {address}" in done.stderr


def test_without_aiohttp_it_says_what_to_install(invoke, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    done = invoke("serve", "--method", "linefit")
    assert done.exit_code == 2
    assert "pip install 'icereco[serve]'" in done.stderr
