"""F43-F46: events whose bytes are unusual: line ends in strings, cut characters, no UTF-8, too many of them."""

from __future__ import annotations

import msgspec
import pytest
import trio
from faults.harness import cluster, pod

from trio_k8swatch import ObjectMeta


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    status: dict[str, object] = {}


async def test_F43_line_separators_inside_strings(autojump_clock):
    """Line separators of Unicode other than the newline do not end an event."""
    odd = "a\u0085b\u2028c\u2029d\u000be\u000cf\u001cg"
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            obj = pod("odd")
            obj["metadata"]["annotations"] = {"odd": odd}
            it.fake.create(obj)
            it.fake.faults.rechunk(3)
            it.fake.create(pod("b"))
            await w.settled()
            assert w.store.items()[0].metadata.annotations["odd"] == odd
            assert not w.witness.failures


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_F44_characters_cut_in_two(size, autojump_clock):
    """One byte per chunk: the same events."""
    async with cluster() as it:
        it.fake.faults.rechunk(size)
        async with it.watch() as w:
            await trio.sleep(15)
            obj = pod("ü")
            obj["metadata"]["name"] = "u"
            obj["metadata"]["annotations"] = {"city": "Zürich 東京 🚆"}
            it.fake.create(obj)
            await w.settled()
            assert w.store.items()[0].metadata.annotations["city"] == "Zürich 東京 🚆"


async def test_F45_invalid_utf8(autojump_clock):
    """Bytes that are not UTF-8 are a broken event: nothing of it is kept, and a list follows."""
    async with cluster() as it:
        async with it.watch(type=Pod, server=dict, settle=False) as w:
            await trio.sleep(15)
            it.fake.faults.bad_utf8()
            it.fake.create(pod("a"))
            await trio.sleep(30)
            assert [o.metadata.name for o in w.store.items()] == ["a"]
            assert len(w.lists) == 2


async def test_F46_a_large_object(autojump_clock):
    """An object of two MiB is handled like others."""
    async with cluster() as it:
        async with it.watch(inspect_every=60) as w:
            await trio.sleep(15)
            obj = pod("large")
            obj["metadata"]["annotations"] = {"example.com/large": "x" * (2 * 1024 * 1024)}
            it.fake.create(obj)
            await w.settled()
            assert not w.witness.failures


async def test_F46_a_line_over_the_limit(autojump_clock):
    """An endless line is abandoned with an error that names its size; a list follows, and the watch continues."""
    from trio_k8swatch._wire.lines import MAX_LINE_BYTES

    async with cluster() as it:
        async with it.watch(inspect_every=60) as w:
            await trio.sleep(15)
            it.fake.faults.send_bytes(b"x" * (MAX_LINE_BYTES + 1))
            it.fake.create(pod("a"))
            await w.settled()
            assert str(MAX_LINE_BYTES) in (w.store.health.last_error or "")
            assert len(w.lists) == 2
