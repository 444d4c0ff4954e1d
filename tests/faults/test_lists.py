"""F61-F66, F71-F73: lists that are odd, late and cut."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from faults.harness import cluster, longest, pod

from trio_k8swatch import ListOptions, ProtocolError, Unavailable
from trio_k8swatch.testing._http.messages import Response
from trio_k8swatch.testing.faults._fault import Effect, Strike


@pytest.mark.parametrize("how", ["empty", "items_null", "items_missing"])
async def test_F61_nothing_there(how, autojump_clock):
    """An empty list in any form gives an empty store that is in sync."""
    async with cluster() as it:
        if how != "empty":
            getattr(it.fake.faults, how)()
        async with it.watch() as w:
            assert len(w.store) == 0
            assert w.store.resource_version == it.fake.resource_version
            it.fake.create(pod("a"))
            await w.settled()
            it.fake.delete("pods", "a")
            await w.relist()


@pytest.mark.parametrize("version", ["", "0"])
async def test_F62_a_list_without_version(version, autojump_clock):
    """A list without usable resourceVersion is an error at the start, and retried later."""
    async with cluster() as it:
        it.fake.faults.list_resource_version(version)
        with pytest.raises(ProtocolError, match="resourceVersion"):
            async with it.watch():
                pass
        async with it.watch() as w:
            it.fake.faults.list_resource_version(version)
            it.fake.create(pod("a"))
            await w.relist()
            assert len(w.lists) == 3


async def test_F63_an_empty_page_that_goes_on(autojump_clock):
    """A page without items is not the end while it names another."""
    async with cluster() as it:
        for n in range(5):
            it.fake.create(pod(f"pod-{n}"))
        it.fake.faults.empty_pages()
        async with it.watch(options=ListOptions(page_size=2)) as w:
            assert len(w.store) == 5


async def test_F64_the_limit_is_ignored(autojump_clock):
    """More items than requested are accepted."""
    async with cluster() as it:
        for n in range(5):
            it.fake.create(pod(f"pod-{n}"))
        it.fake.faults.ignore_limit()
        async with it.watch(options=ListOptions(page_size=2)) as w:
            assert len(w.store) == 5
            assert len([a for a in w.witness.attempts if a.kind == "page"]) == 1


@pytest.mark.parametrize("how", ["reset", "eof"])
async def test_F65_a_list_cut_in_its_body(how, autojump_clock):
    """Nothing of a partial list is delivered, and it is read again after a pause."""
    async with cluster() as it:
        for n in range(50):
            it.fake.create(pod(f"pod-{n:02}"))
        it.fake.faults.cut_list(how=how)
        with pytest.raises(Unavailable):
            async with it.watch():
                pass
        assert it.watched[-1].book.told == []
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.delete("pods", "pod-00")
            await w.settled()
            told = len(w.book.told)
            it.fake.faults.cut_list(how=how, times=2)
            await w.relist()
            assert len(w.book.told) == told
            assert w.pauses() == [0.2, 0.4]


async def test_F66_a_damaged_compressed_list(autojump_clock):
    """gzip is decompressed; broken gzip counts as a truncated list."""
    async with cluster() as it:
        for n in range(300):
            large = pod(f"pod-{n:03}")
            large["metadata"]["annotations"] = {"text": f"{n} " * 300}
            it.fake.create(large)
        async with it.watch(inspect_every=10) as w:
            assert len(w.store) == 300
            it.fake.faults.broken_gzip()
            await w.relist()
            assert len(w.lists) == 3
            assert "compressed body" in (w.store.health.last_error or "")


class Brotli(Effect):
    """The answer says that it is compressed in a way that nobody asked for."""

    def after(self, response: Response, strike: Strike) -> Response:
        return response.with_headers(("Content-Encoding", "br")) if strike() else response


async def test_F66_an_encoding_nobody_asked_for(autojump_clock):
    """An unknown encoding is an error in one line, and the response is closed."""
    async with cluster() as it:
        it.fake.faults._once("br", Brotli(), "list", {})
        with pytest.raises(ProtocolError, match="'br'"):
            async with it.watch():
                pass


async def test_F71_deleted_between_list_and_watch(autojump_clock):
    """Changes between the two requests are received by the watch."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        it.fake.create(pod("b"))
        it.fake.faults.hang(5.0, on="watch")
        it.fake.after(2.0, lambda: it.fake.delete("pods", "a"))
        async with it.watch() as w:
            await w.settled()
            assert w.book.of("a") == ["add", "update", "delete"]
            assert len(w.lists) == 1


@pytest.mark.parametrize("replay", [False, True])
async def test_F73_a_relist_that_changes_nothing(replay, autojump_clock):
    """Handlers are not notified of objects that did not change; with `replay_unchanged` they are."""
    async with cluster() as it:
        for n in range(5):
            it.fake.create(pod(f"pod-{n}"))
        async with it.watch(config=longest(replay_unchanged=replay)) as w:
            await trio.sleep(15)
            before = w.store.items()
            await w.relist()
            assert [one.what for one in w.book.told[5:]] == (["update"] * 5 if replay else [])
            if not replay:
                assert all(a is b for a, b in zip(before, w.store.items(), strict=True))
