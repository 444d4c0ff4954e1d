"""Three doors, one contract: whatever a client does, it does not matter through which it came."""

import contextlib
import json
from contextlib import asynccontextmanager

import httpx
import pytest
import respx
import trio
import trio.testing
from testing.fake_client import CONFIG_MAPS, Watch, read_watch

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.assertions import assert_nothing_open
from trio_k8swatch.testing.builders import config_map


@asynccontextmanager
async def transport_door(fake):
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://fake") as client:
        yield client


@asynccontextmanager
async def respx_door(fake):
    with respx.mock() as router:
        fake.mount(router, "https://cluster.test:6443/k8s/clusters/c-1")
        async with httpx.AsyncClient(base_url="https://cluster.test:6443/k8s/clusters/c-1") as client:
            yield client


@asynccontextmanager
async def socket_door(fake):
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@asynccontextmanager
async def tls_door(fake):
    import ssl

    async with fake.serve(tls=True) as url:
        context = ssl.create_default_context(cadata=url.ca)
        async with httpx.AsyncClient(base_url=url, verify=context) as client:
            yield client


DOORS = {"transport": transport_door, "respx": respx_door, "socket": socket_door, "tls": tls_door}


@pytest.fixture
def fake():
    return FakeApiServer(seed=3)


@pytest.fixture(params=DOORS)
def door(request):
    if request.param == "respx" and httpx.__name__ == "httpx2":
        pytest.skip("respx replaces the transports of httpx only")
    return request.param


@pytest.fixture
async def client(fake, door):
    with trio.fail_after(20):
        async with DOORS[door](fake) as client:
            yield client


@asynccontextmanager
async def watching(client, **params):
    watch = Watch()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_watch, client, CONFIG_MAPS, params, watch)
        await until(lambda: watch.status is not None or watch.ended is not None)
        yield watch
        nursery.cancel_scope.cancel()


async def until(condition):
    while not condition():
        await trio.sleep(0.005)


async def test_lists_and_objects(fake, client):
    """The bytes are the same."""
    fake.create(config_map("a", k="v"))

    listing = await client.get(CONFIG_MAPS)
    one = await client.get(f"{CONFIG_MAPS}/a")

    assert listing.json()["items"][0]["data"] == {"k": "v"}
    assert one.json()["metadata"]["name"] == "a"
    assert listing.headers["Cache-Control"] == "no-cache, private"
    assert int(one.headers["Content-Length"]) == len(one.content)


async def test_writes(client):
    """Create, patch, delete over HTTP."""
    created = await client.post(CONFIG_MAPS, json=config_map("a", k="1"))
    merge = {"Content-Type": "application/merge-patch+json"}
    patched = await client.patch(f"{CONFIG_MAPS}/a", content=json.dumps({"data": {"k": "2"}}), headers=merge)
    deleted = await client.delete(f"{CONFIG_MAPS}/a")

    assert (created.status_code, patched.status_code, deleted.status_code) == (201, 200, 200)
    assert patched.json()["data"] == {"k": "2"}
    assert deleted.json()["status"] == "Success"


async def test_a_refusal_is_a_status(client):
    """404 with its reason."""
    response = await client.get(f"{CONFIG_MAPS}/none")

    assert (response.status_code, response.json()["reason"]) == (404, "NotFound")


async def test_a_large_list_is_gzipped(fake, client):
    """And unpacked by the client."""
    for number in range(30):
        fake.create(config_map(f"big-{number}", blob="x" * 8192))

    response = await client.get(CONFIG_MAPS, headers={"Accept-Encoding": "gzip"})

    assert response.headers["Content-Encoding"] == "gzip"
    assert len(response.json()["items"]) == 30


async def test_a_watch_is_live(fake, client):
    """Each event is there as soon as it happened."""
    async with watching(client) as watch:
        for name in "abc":
            fake.create(config_map(name))
            await until(lambda name=name: ("ADDED", name) in watch.names)

    assert watch.names == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


async def test_a_watch_that_times_out_ends_cleanly(fake, client):
    """After so many seconds, without an error."""
    async with watching(client, timeoutSeconds=1) as watch:
        await until(lambda: watch.ended is not None)

    assert watch.error is None
    assert watch.ended == pytest.approx(1, abs=0.5)


async def test_a_reader_that_leaves_leaves_nothing_behind(fake, client, door):
    """The server forgets a watch whose reader has gone, however it went."""
    async with watching(client):
        assert len(fake.open_calls) == 1
    await until(lambda: not fake.open_calls)

    assert_nothing_open(fake)


async def test_a_clean_close(fake, client):
    """`close_watch` is no error at any door."""
    async with watching(client) as watch:
        fake.create(config_map("a"))
        await until(lambda: watch.names)
        fake.faults.close_watch()
        await until(lambda: watch.ended is not None)

    assert (watch.error, watch.names) == (None, [("ADDED", "a")])


@pytest.mark.parametrize(("how", "expected"), [("reset", httpx.ReadError), ("eof", httpx.RemoteProtocolError)])
async def test_a_broken_connection(fake, client, door, how, expected):
    """httpx raises the same at each door. (TLS hides the difference: it has no goodbye to miss.)"""
    async with watching(client) as watch:
        fake.create(config_map("a"))
        await until(lambda: watch.names)
        fake.faults.cut_watch(how=how)
        await until(lambda: watch.ended is not None)

    assert isinstance(watch.error, (httpx.ReadError, httpx.RemoteProtocolError) if door == "tls" else expected)


async def test_a_line_that_is_cut(fake, client):
    """What was sent before the cut has arrived, at least where nothing can overtake it."""
    fake.faults.cut_line(at_byte=17, how="eof")
    async with watching(client) as watch:
        fake.create(config_map("a"))
        await until(lambda: watch.ended is not None)

    assert watch.error is not None
    assert watch.body == b'{"type":"ADDED","object"'[:17]


async def test_a_refused_connection(fake, client, door):
    """A connection error; the socket, which cannot unlisten, resets instead."""
    fake.faults.refuse(times=1)
    in_memory = door in {"transport", "respx"}

    with pytest.raises(httpx.ConnectError if in_memory else (httpx.ReadError, httpx.RemoteProtocolError)):
        await client.get(CONFIG_MAPS)

    assert (await client.get(CONFIG_MAPS)).status_code == 200


async def test_half_open(fake, client):
    """Silence on the old connection, all well on a new one."""
    async with watching(client) as watch:
        fake.faults.half_open()
        fake.create(config_map("a"))
        await trio.sleep(0.1)
        assert (watch.chunks, watch.ended) == ([], None)
        assert len((await client.get(CONFIG_MAPS)).json()["items"]) == 1


async def test_many_requests_on_one_connection(fake, client):
    """Keep-alive, also after refusals and writes."""
    for number in range(20):
        assert (await client.post(CONFIG_MAPS, json=config_map(f"c-{number}"))).status_code == 201
        assert (await client.post(CONFIG_MAPS, json=config_map(f"c-{number}"))).status_code == 409
    assert len(fake.objects("configmaps")) == 20


async def test_an_error_inside_the_block_comes_out_as_it_is(fake):
    """Not wrapped in a group by the server's own tasks."""
    with trio.fail_after(5), pytest.raises(KeyError):
        async with fake.serve():
            raise KeyError


async def test_the_log_tells_what_was_asked(fake, client):
    """Whatever the door and the prefix it is mounted under."""
    await client.get(CONFIG_MAPS, params={"labelSelector": "a in (b, c)"})

    call = fake.requests.of("list", "configmaps")[0]
    assert (call.path, call.query, call.status) == (CONFIG_MAPS, {"labelSelector": "a in (b, c)"}, 200)


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", "http://127.0.0.1:"), ("127.0.0.2", "http://127.0.0.2:")])
async def test_the_url_leads_to_where_it_listens(fake, host, expected):
    """Who listens on every address of the machine is asked through the loopback."""
    with trio.fail_after(10):
        async with fake.serve(host=host) as url, httpx.AsyncClient(base_url=url) as client:
            assert url.startswith(expected)
            assert (await client.get("/version")).status_code == 200


async def test_an_address_that_cannot_be_had_is_an_os_error(fake):
    """As itself, not in a group."""
    with trio.fail_after(10):
        async with fake.serve() as url:
            with pytest.raises(OSError, match="in use"):
                async with fake.serve(port=int(url.rpartition(":")[2])):
                    pass


async def test_faults_are_told_as_they_are_drawn(fake, autojump_clock):
    """By name, in order."""
    told = []
    weather = fake.faults.random(every_seconds=1, on_draw=told.append)
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://fake") as client:
        for _ in range(20):
            await trio.sleep(1)
            with contextlib.suppress(httpx.HTTPError):
                await client.get("/version")
    assert told == [name for _, name in weather.drawn]
    assert len(told) > 5
