"""F106-F108: bytes that nobody asked for."""

from __future__ import annotations

import tracemalloc

import pytest
import trio
from faults.harness import cluster, pod
from raw_server import END, HEAD, chunk, raw_server, sends, with_length

from trio_k8swatch import ApiError, Unavailable, open_client


async def test_F106_a_watch_of_many_gzip_members(autojump_clock):
    """All members of a compressed stream are read, not only the first, and the events of each are in the store."""
    async with cluster() as it:
        it.fake.faults.gzip_members()
        async with it.watch() as w:
            for n in range(20):
                it.fake.create(pod(f"pod-{n:02}"))
                await trio.sleep(0.5)
            await w.settled()
            assert len(w.store) == 20
            assert len(w.lists) == 1


@pytest.mark.parametrize("surplus", [b"x", with_length(b'"SMUGGLED"')], ids=["garbage", "a response"])
@pytest.mark.parametrize("framed", [HEAD + chunk(b'"a"') + END, with_length(b'"a"')], ids=["chunked", "with a length"])
async def test_F107_bytes_behind_the_end_of_a_body(framed, surplus):
    """Surplus bytes after a response are an error, close the connection, and are never taken for the next response."""

    async def answer(stream, target):
        await stream.send_all(framed + surplus if target == "/a" else with_length(b'"honest"'))
        return True

    async with raw_server(answer) as server, open_client(base_url=server.url) as client:
        with pytest.raises(Unavailable, match="behind"):
            await client.get("/a")
        assert await client.get("/b") == b'"honest"'
        assert server.connections == 2


async def test_F108_a_compressed_refusal_that_grows(autojump_clock):
    """Only the beginning of an error body is decompressed, however small it was on the wire."""
    async with cluster() as it:
        it.fake.faults.gzip_bomb(64)
        tracemalloc.start()
        try:
            with pytest.raises(ApiError, match="503"):
                await it.client.get("/version")
            assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "endless",
    [
        HEAD + b"5;" + b"x" * 200_000,
        HEAD + chunk(b"hello") + b"0\r\n" + b"Trailer: xxxxxxxx\r\n" * 20_000,
        b"HTTP/1.1 102 Processing\r\n\r\n" * 200,
        b"HTTP/1.1 200 OK\r\n" + b"X-A: aaaaaaaaaaaaaaaa\r\n" * 20_000,
    ],
    ids=["a chunk extension", "trailers", "interim responses", "a head"],
)
async def test_F108_framing_without_data(endless):
    """Endless headers, chunk extensions, trailers and interim responses soon become errors."""
    async with raw_server(sends(endless)) as server, open_client(base_url=server.url) as client:
        with trio.fail_after(5), pytest.raises(Unavailable):
            await client.get("/version")
