"""Each fault does what its name says, as often as it is told, and nothing else."""

import gzip
import hashlib
import inspect
import json
import zlib
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from testing.fake_client import CONFIG_MAPS, client_for, listed, watching

from trio_k8swatch.testing import FakeApiServer, Faults
from trio_k8swatch.testing.builders import config_map


@pytest.fixture
def fake():
    fake = FakeApiServer(seed=5)
    fake.create(config_map("a"))
    fake.create(config_map("b"))
    return fake


@pytest.fixture
async def client(fake):
    async with client_for(fake) as client:
        yield client


async def get(client, **params):
    return await client.get(CONFIG_MAPS, params=params)


@asynccontextmanager
async def live(fake, client, **params):
    """A watch from now on."""
    params = {"resourceVersion": fake.resource_version, "allowWatchBookmarks": "true", **params}
    async with watching(client, **params) as watch:
        yield watch


async def settle():
    await trio.testing.wait_all_tasks_blocked()


# The connection


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("refuse", httpx.ConnectError),
        ("reset", httpx.ReadError),
        ("no_answer", httpx.RemoteProtocolError),
        ("tls_failure", httpx.ConnectError),
    ],
)
async def test_no_answer_at_all(fake, client, name, error, autojump_clock):
    """Once; then all is well."""
    fault = getattr(fake.faults, name)(times=1)

    with pytest.raises(error):
        await get(client)

    assert (await get(client)).status_code == 200
    assert fault.hits == 1


async def test_hang_holds_the_headers(fake, client, autojump_clock):
    """For ever, or as long as it is told."""
    fake.faults.hang()
    with trio.move_on_after(10_000) as scope:
        await get(client)
    assert scope.cancelled_caught

    fake.faults.hang(seconds=50)
    start = trio.current_time()
    assert (await get(client)).status_code == 200
    assert trio.current_time() == start + 50


async def test_black_hole_answers_and_says_nothing(fake, client, autojump_clock):
    """The watch is open, and nothing comes of it."""
    fake.faults.black_hole()
    async with live(fake, client) as watch:
        fake.create(config_map("c"))
        await trio.sleep(1000)
        assert (watch.ended, watch.chunks) == (None, [])


async def test_drip_lists_sends_a_byte_at_a_time(fake, client, autojump_clock):
    """As long as its body has bytes."""
    fake.faults.drip_lists(2.0)
    start = trio.current_time()
    body = (await get(client)).content
    assert trio.current_time() - start == 2.0 * len(body)


async def test_gzip_members_and_gzip_bomb(fake, client, autojump_clock):
    """Compressed bodies: the refusal says a code, and is far larger than what was sent."""
    fake.faults.gzip_bomb(1, code=503)
    refusal = await get(client)
    assert refusal.status_code == 503
    assert len(refusal.content) >= 1 << 20
    with fake.faults.gzip_members():
        async with client.stream("GET", CONFIG_MAPS, params={"watch": "true", "timeoutSeconds": "1"}) as response:
            assert response.headers["content-encoding"] == "gzip"


async def test_slow_list_delays_lists_only(fake, client, autojump_clock):
    """Until it is removed."""
    with fake.faults.slow_list(30):
        start = trio.current_time()
        await get(client)
        await client.get(f"{CONFIG_MAPS}/a")
        assert trio.current_time() == start + 30
    await get(client)
    assert trio.current_time() == start + 30


async def test_close_watch_counts_events(fake, client, autojump_clock):
    """Bookmarks do not count, and what comes after is for the next watch."""
    fake.faults.close_watch(after_events=2)
    async with live(fake, client) as watch:
        for name in "cde":
            fake.create(config_map(name))
        await settle()

    assert (watch.names, watch.error) == ([("ADDED", "c"), ("ADDED", "d")], None)
    assert watch.ended is not None


async def test_close_watch_strikes_an_open_watch(fake, client, autojump_clock):
    """At once, without an event."""
    async with live(fake, client) as watch:
        fake.faults.close_watch()
        await settle()
        assert watch.ended == 0


async def test_close_watch_after_seconds(fake, client, autojump_clock):
    """On the watch's own clock."""
    fake.faults.close_watch(after_seconds=12.5)
    async with live(fake, client) as watch:
        await trio.sleep(100)
    assert watch.ended == 12.5


async def test_close_idle_closes_every_watch(fake, client, autojump_clock):
    """As a proxy does, for days."""
    fake.faults.close_idle(60)
    for _ in range(3):
        async with live(fake, client) as watch:
            await trio.sleep(100)
        assert watch.ended == 60


async def test_cut_watch_and_cut_line(fake, client, autojump_clock):
    """Between events, and inside one."""
    fake.faults.cut_watch(after_events=1)
    async with live(fake, client) as watch:
        fake.create(config_map("c"))
        await settle()
    assert (watch.names, type(watch.error)) == ([("ADDED", "c")], httpx.ReadError)

    fake.faults.cut_line(at_byte=30, how="eof")
    async with live(fake, client) as watch:
        fake.create(config_map("d"))
        await settle()
    assert (len(watch.body), type(watch.error)) == (30, httpx.RemoteProtocolError)


async def test_cut_list(fake, client, autojump_clock):
    """The body of a list breaks off."""
    fake.faults.cut_list(at_byte=100)

    with pytest.raises(httpx.ReadError):
        await get(client)
    assert (await get(client)).status_code == 200


async def test_half_open_is_for_ever(fake, client, autojump_clock):
    """Not even the time limit of the watch gets through."""
    fake.faults.half_open(after_events=1)
    async with live(fake, client, timeoutSeconds=30) as watch:
        fake.create(config_map("c"))
        fake.create(config_map("d"))
        await trio.sleep(86_400)
        assert (watch.names, watch.ended) == ([("ADDED", "c")], None)


async def test_trickle_and_rechunk(fake, client, autojump_clock):
    """One byte at a time, slowly; or in pieces of any size, which cut characters."""
    with fake.faults.trickle(seconds_per_byte=30):
        async with live(fake, client) as watch:
            fake.create(config_map("c"))
            await trio.sleep(100)
        assert [(time, len(data)) for time, data in watch.chunks] == [(30, 1), (60, 1), (90, 1)]

    with fake.faults.rechunk(1):
        async with live(fake, client) as watch:
            fake.create(config_map("d", text="ß"))
            await settle()
        assert {len(data) for _, data in watch.chunks} == {1}
        assert watch.events[0]["object"]["data"] == {"text": "ß"}


# Refusals


@pytest.mark.parametrize(
    ("name", "arguments", "status", "retry_after", "words"),
    [
        ("status", {"code": 500}, 500, None, "injected"),
        (
            "status",
            {"code": 429, "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"},
            429,
            "Wed, 21 Oct 2026 07:28:00 GMT",
            "",
        ),
        ("unauthorized", {}, 401, None, "Unauthorized"),
        ("forbidden", {}, 403, None, 'cannot list resource \\"configmaps\\"'),
        ("too_many_requests", {"retry_after": 7}, 429, "7", "Too many requests"),
        ("too_many_requests", {"retry_after": None}, 429, None, "Too many requests"),
        ("shutting_down", {}, 429, "5", "shutting down"),
        ("unavailable", {}, 503, None, "<html>"),
        ("unavailable", {"html": False, "code": 504}, 504, None, ""),
        ("redirect", {"location": "https://elsewhere.test/"}, 307, None, ""),
        ("too_large_resource_version", {}, 504, "1", "ResourceVersionTooLarge"),
        ("too_large_resource_version", {"form": "message"}, 504, None, "Timeout: Too large resource version"),
        ("too_large_resource_version", {"form": "old"}, 504, None, "Too large resource version"),
        ("expired_list", {}, 410, None, "Expired"),
        ("storage_initializing", {}, 429, "1", "storage is (re)initializing"),
        ("not_served", {}, 404, None, "404 page not found"),
    ],
)
async def test_refusals(fake, client, name, arguments, status, retry_after, words, autojump_clock):
    """Status, Retry-After and body; gone when the fault is."""
    with getattr(fake.faults, name)(**arguments):
        response = await get(client)

    assert response.status_code == status
    assert response.headers.get("Retry-After") == retry_after
    assert words in response.text
    assert (await get(client)).status_code == 200


async def test_not_watchable_leaves_lists_alone(fake, client, autojump_clock):
    """405, 406 or 415 for watches only."""
    for code in (405, 406, 415):
        with fake.faults.not_watchable(code):
            assert (await get(client)).status_code == 200
            assert (await get(client, watch="true")).status_code == code


async def test_watch_list_unsupported_leaves_plain_watches_alone(fake, client, autojump_clock):
    """422 names the parameter."""
    fake.faults.watch_list_unsupported()
    watch_list = {"watch": "true", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}

    assert (await get(client, **watch_list)).json()["details"]["causes"][0]["field"] == "sendInitialEvents"
    assert (await get(client, watch="true", timeoutSeconds=1)).status_code == 200


# Events


async def one_event(fake, client, **params):
    async with live(fake, client, **params) as watch:
        fake.create(config_map("c"))
        await settle()
        fake.delete("configmaps", "c")
    return watch


async def test_gone_in_both_forms(fake, client, autojump_clock):
    """An ERROR event and the end, or HTTP 410."""
    fake.faults.gone()
    watch = await one_event(fake, client)
    assert (watch.types, watch.events[0]["object"]["code"], watch.ended) == (["ERROR"], 410, 0)

    fake.faults.gone(as_status=True)
    assert (await get(client, watch="true")).status_code == 410


async def test_error_event(fake, client, autojump_clock):
    """Any Status, after any number of events."""
    fake.faults.error_event(429, "TooManyRequests", retry_after_seconds=9, after_events=1)
    watch = await one_event(fake, client)
    assert watch.types == ["ADDED", "ERROR"]
    assert watch.events[1]["object"]["details"] == {"retryAfterSeconds": 9}


@pytest.mark.parametrize(
    ("name", "arguments", "check"),
    [
        ("send_event", {"kind": "ADDED", "obj": {"kind": "Table"}}, lambda lines: b'"Table"' in lines[0]),
        ("send_bytes", {"data": b"xyz\n"}, lambda lines: lines[0] == b"xyz"),
        ("garbage", {}, lambda lines: lines[0].startswith(b"upstream connect error")),
        ("blank_lines", {}, lambda lines: lines[0] == b"" and lines[1]),
        ("crlf", {}, lambda lines: lines[0].endswith(b"}\r")),
        ("bom", {}, lambda lines: lines[0].startswith(b"\xef\xbb\xbf{")),
        ("bad_utf8", {}, lambda lines: b"\xff\xfe" in lines[0]),
        ("huge_line", {"size": 3_000_000}, lambda lines: len(lines[0]) > 3_000_000),
        ("unknown_type", {}, lambda lines: json.loads(lines[0])["type"] == "FROB"),
        ("wrong_kind", {}, lambda lines: json.loads(lines[0])["object"]["kind"] == "Table"),
        ("error_without_status", {}, lambda lines: json.loads(lines[0]) == {"type": "ERROR", "object": {}}),
        ("without_resource_version", {}, lambda lines: b"resourceVersion" not in lines[0]),
        ("without_uid", {}, lambda lines: b'"uid"' not in lines[0]),
        ("bookmark_without_resource_version", {}, lambda lines: json.loads(lines[0])["object"]["metadata"] == {}),
        ("drop_events", {}, lambda lines: lines == []),
        ("duplicate_events", {}, lambda lines: lines[0] == lines[1]),
        ("rewrite_events", {"change": lambda event: {"type": "X"}}, lambda lines: lines[0] == b'{"type":"X"}'),
    ],
)
async def test_wrong_events(fake, client, name, arguments, check, autojump_clock):
    """The next event, and no other connection."""
    getattr(fake.faults, name)(**arguments)
    async with live(fake, client) as watch:
        fake.create(config_map("c"))
        await settle()

        assert check(watch.body.split(b"\n")[:-1])


async def test_out_of_order(fake, client, autojump_clock):
    """Two events change places."""
    fake.faults.out_of_order()
    async with live(fake, client) as watch:
        for name in "cde":
            fake.create(config_map(name))
            await settle()
    assert watch.names == [("ADDED", "d"), ("ADDED", "c"), ("ADDED", "e")]


async def test_replay(fake, client, autojump_clock):
    """A new watch repeats what its client has seen."""
    fake.faults.replay(events=2)
    watch = await one_event(fake, client)
    assert watch.names[:3] == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


async def test_lag(fake, client, autojump_clock):
    """In order, later; the end too."""
    fake.faults.lag(5)
    async with live(fake, client, timeoutSeconds=20) as watch:
        await trio.sleep(1)
        fake.create(config_map("c"))
        await trio.sleep(100)
    assert watch.chunks[0][0] == 6
    assert watch.ended == 25


async def test_bookmarks_withheld(fake, client, autojump_clock):
    """All, or the one that ends the initial events, or its meaning."""
    params = {"allowWatchBookmarks": "true", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    with fake.faults.no_bookmarks():
        async with watching(client, **params, timeoutSeconds=200) as watch:
            await trio.sleep(300)
        assert set(watch.types) == {"ADDED"}
    with fake.faults.never_ends_initial_events():
        async with watching(client, **params) as watch:
            await trio.sleep(70)
        assert watch.types == ["ADDED", "ADDED", "BOOKMARK"]
        assert "annotations" not in watch.events[2]["object"]["metadata"]
    with fake.faults.initial_events_end_false():
        async with watching(client, **params) as watch:
            assert watch.events[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "false"}
    with fake.faults.ignores_watch_list():
        async with watching(client, **params) as watch:
            assert watch.types == ["ADDED", "ADDED"]


# Lists


@pytest.mark.parametrize(
    ("name", "arguments", "check"),
    [
        ("rewrite_lists", {"change": lambda listing: {"kind": "X"}}, lambda body: body == {"kind": "X"}),
        ("list_resource_version", {}, lambda body: body["metadata"]["resourceVersion"] == ""),
        ("list_resource_version", {"version": "0"}, lambda body: body["metadata"]["resourceVersion"] == "0"),
        ("list_of_wrong_kind", {}, lambda body: body["kind"] == "Table"),
    ],
)
async def test_wrong_lists(fake, client, name, arguments, check, autojump_clock):
    """Once."""
    getattr(fake.faults, name)(**arguments)
    assert check((await get(client)).json())
    assert (await get(client)).json()["kind"] == "ConfigMapList"


async def test_empty_lists_in_other_words(fake, client, autojump_clock):
    """`null`, or nothing; lists with items are as they are."""
    with fake.faults.items_null():
        assert (await get(client, labelSelector="none")).json()["items"] is None
        assert await listed(client) == ["a", "b"]
    with fake.faults.items_missing():
        assert "items" not in (await get(client, labelSelector="none")).json()


async def test_pages(fake, client, autojump_clock):
    """Without items but with a token, and without regard for the limit."""
    fake.faults.empty_pages(times=2, after=1)
    assert await listed(client, limit="1") == ["a", "b"]
    assert [call.query.get("continue") is not None for call in fake.requests.of("list")].count(True) == 4

    fake.faults.ignore_limit()
    assert len((await get(client, limit="1")).json()["items"]) == 2


async def test_bodies_that_are_no_lists(fake, client, autojump_clock):
    """A login page; a compressed body that is damaged."""
    fake.faults.not_json()
    with pytest.raises(ValueError, match="Expecting value"):
        (await get(client)).json()

    for number in range(20):
        fake.create(config_map(f"big-{number}", blob=hashlib.sha512(bytes([number])).hexdigest() * 70))
    fake.faults.broken_gzip()
    # httpx leaves its generators behind when it fails to decode, so this reads what was sent.
    async with client.stream("GET", CONFIG_MAPS) as response:
        sent = b"".join([chunk async for chunk in response.aiter_raw()])
    with pytest.raises((zlib.error, gzip.BadGzipFile)):
        gzip.decompress(sent)
    assert len((await get(client)).json()["items"]) == 22


# Versions, the server as a whole, what is behind it


async def test_opaque_versions(fake, client, autojump_clock):
    """Letters on every way out, and they are understood on the way in."""
    fake.faults.opaque_versions("k3s-")
    version = (await get(client)).json()["metadata"]["resourceVersion"]
    assert version == f"k3s-{fake.resource_version}"
    async with watching(client, resourceVersion=version) as watch:
        fake.create(config_map("c"))
        await settle()
        assert watch.events[0]["object"]["metadata"]["resourceVersion"].startswith("k3s-")


async def test_versions_beyond_all_integers(autojump_clock):
    """A server may begin where others end."""
    fake = FakeApiServer(first_resource_version=2**64)
    fake.create(config_map("a"))
    async with client_for(fake) as client:
        version = (await get(client)).json()["metadata"]["resourceVersion"]
    assert int(version) > 2**64


async def test_etcd_outage_and_stale_lists(fake, client, autojump_clock):
    """Whoever asks for what the cache has is served; with stale lists, with what it had."""
    with fake.faults.etcd_outage():
        assert (await get(client, resourceVersion="0")).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await get(client)
    with fake.faults.stale_lists(events=1):
        assert await listed(client, resourceVersion="0") == ["a"]
        assert await listed(client) == ["a", "b"]


async def test_objects_without_uid_are_so_everywhere(fake, client, autojump_clock):
    """In lists and in single objects as in events."""
    with fake.faults.without_uid():
        body = (await get(client)).json()
        one = (await client.get(f"{CONFIG_MAPS}/a")).json()
    assert all("uid" not in item["metadata"] for item in [*body["items"], one])


async def test_forget_history(fake, client, autojump_clock):
    """Open watches go on, new ones from before are told."""
    version = fake.resource_version
    async with live(fake, client) as watch:
        fake.create(config_map("c"))
        fake.faults.forget_history()
        await settle()
        assert watch.names == [("ADDED", "c")]
    response = await get(client, watch="true", resourceVersion=version)
    assert response.json()["object"]["reason"] == "Expired"


async def test_roll_back(fake, client, autojump_clock):
    """What came later never happened, and nobody is told."""
    version = fake.resource_version
    async with live(fake, client) as watch:
        fake.create(config_map("c"))
        await settle()
        fake.faults.roll_back(to=version)
        await trio.sleep(30)
        assert watch.names == [("ADDED", "c")]
    assert await listed(client) == ["a", "b"]
    assert fake.resource_version == version


async def test_all_connections_at_once(fake, client, autojump_clock):
    """Cut, or closed; new ones are well."""
    async with live(fake, client) as first, live(fake, client) as second:
        fake.faults.cut_connections()
        await settle()
        assert [type(first.error), type(second.error)] == [httpx.ReadError] * 2
    async with live(fake, client) as first:
        fake.faults.close_connections()
        await settle()
        assert (first.ended, first.error) == (0, None)


async def test_restart(fake, client, autojump_clock):
    """The watches end, nobody is let in for a while, then the cache is cold, then all is well but the history."""
    version = fake.resource_version
    async with live(fake, client) as watch:
        fake.faults.restart(seconds=10, cold_seconds=20)
        await settle()
        assert watch.ended == 0
    with pytest.raises(httpx.ConnectError):
        await get(client)
    await trio.sleep(10.5)
    assert (await get(client)).status_code == 429
    await trio.sleep(20)
    assert (await get(client)).status_code == 200
    assert version == fake.resource_version


async def test_roll_and_outage(fake, client, autojump_clock):
    """Servers are replaced one by one: all watches are cut, again and again."""
    fake.faults.roll(servers=3, seconds_between=30)
    ends = []
    for _ in range(2):
        async with live(fake, client) as watch:
            await trio.sleep(31)
        ends.append(watch.ended)
    assert all(end is not None and end <= 30 for end in ends)

    fake.faults.outage(5)
    with pytest.raises(httpx.ConnectError):
        await get(client)
    await trio.sleep(5.01)
    assert (await get(client)).status_code == 200


# Which calls, how often, and by chance


async def test_times_after_and_matching(fake, client, autojump_clock):
    """Only calls of the kind meant; the first are spared, then so many are struck."""
    fault = fake.faults.unauthorized(on="list", resource="configmaps", after=1, times=2)

    codes = [(await get(client)).status_code for _ in range(5)]
    other = (await client.get("/api/v1/pods")).status_code

    assert codes == [200, 401, 401, 200, 200]
    assert other == 200
    assert fault.hits == 2
    assert fake.faults.active == []


async def test_namespace_and_time(fake, client, autojump_clock):
    """Only this namespace, only for so long."""
    fake.faults.unauthorized(times=None, namespace="default", for_seconds=10)

    assert (await get(client)).status_code == 401
    assert (await client.get("/api/v1/configmaps")).status_code == 200
    await trio.sleep(11)
    assert (await get(client)).status_code == 200


async def test_faults_compose(fake, client, autojump_clock):
    """Each does its part, in the order they were made."""
    fake.faults.lag(2)
    fake.faults.rechunk(7)
    fake.faults.crlf()
    fake.faults.cut_watch(after_events=1, how="eof")
    async with live(fake, client) as watch:
        fake.create(config_map("c"))
        await trio.sleep(10)

    assert {time for time, _ in watch.chunks} == {2}
    assert max(len(data) for _, data in watch.chunks) == 7
    assert watch.body.endswith(b"}\r\n")


async def test_clear(fake, client, autojump_clock):
    """All faults are gone at once, and those on open watches with them."""
    fake.faults.no_bookmarks()
    async with live(fake, client) as watch:
        await trio.sleep(90)
        fake.faults.clear()
        await trio.sleep(80)
    assert [time for time, _ in watch.chunks] == [120]


async def misfortunes(seed):
    fake = FakeApiServer(seed=seed)
    weather = fake.faults.random(every_seconds=10)
    async with client_for(fake) as client:
        while trio.current_time() < 300:
            with trio.move_on_after(30):
                try:
                    await get(client, watch="true", timeoutSeconds=20)
                except httpx.TransportError:
                    await trio.sleep(1)
    weather.stop()
    return weather.drawn


def test_chance_is_the_same_each_time():
    """The same seed, the same misfortunes at the same times; another seed, others."""

    def run(seed):
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(misfortunes, seed, clock=clock)

    first, again, other = run(1), run(1), run(2)
    assert first == again
    assert first != other
    assert len(first) > 15


def test_every_fault_is_tested_and_documented():
    """A name in the catalogue is a promise."""
    names = {name for name, _ in inspect.getmembers(Faults, inspect.isfunction) if not name.startswith("_")}
    tested = Path(__file__).read_text()
    documented = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()

    assert {name for name in names if name not in tested} == set()
    assert {name for name in names if f"`{name}" not in documented} == set()
