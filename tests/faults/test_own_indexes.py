"""F91, F92: users' own indexes, broken, late and short-lived."""

from __future__ import annotations

from itertools import count

import pytest
import trio
import trio.testing
from faults.harness import cluster, pod

from trio_k8swatch import IndexedStore, KeyIndex, NameIndex


class Mishap(Exception):
    """What a user's code raises."""


@pytest.mark.parametrize("broken", ["raises", "unhashable"])
async def test_F91_an_index_function_fails(broken, autojump_clock):
    """The error names the index and ends the watch; objects and all other indexes agree."""

    def key(obj):
        if obj.metadata.name == "bad":
            if broken == "raises":
                raise Mishap("no key")
            return {"un": "hashable"}
        return "good"

    async with cluster() as it:
        it.fake.create(pod("a"))
        with pytest.raises((Mishap, TypeError)) as caught:
            async with it.watch(settle=False) as w:
                IndexedStore(w.store, KeyIndex(key))
                index = IndexedStore(w.store, KeyIndex(key))
                it.fake.create(pod("bad"))
                await trio.sleep_forever()
        assert any("KeyIndex" in note for note in caught.value.__notes__)
        assert len(w.store) == len(w.names.index) == 2
        w.check_indexes()
        assert [o.metadata.name for o in index.index.get("good")] == ["a"]


async def test_F91_an_index_function_changes_its_mind(autojump_clock):
    """An object is found under the keys it was filed under, and leaves all of them."""
    numbers = count()
    async with cluster() as it:
        async with it.watch() as w:
            fickle = IndexedStore(w.store, KeyIndex(lambda _: next(numbers)))
            it.fake.create(pod("a"))
            for n in range(3):
                it.fake.patch("pods", "a", {"status": {"phase": str(n)}})
            await w.settled()
            assert len(fickle.index) == 1
            it.fake.delete("pods", "a")
            await w.settled()
            assert len(fickle.index) == 0


async def test_F92_indexes_come_and_go(autojump_clock):
    """Added during a relist, removed during events: each index is exact at all times."""
    async with cluster() as it:
        for n in range(1500):
            it.fake.create(pod(f"pod-{n:04}"))
        async with it.watch(inspect_every=30) as w:
            await trio.sleep(15)
            checked = 0

            async def come_and_go() -> None:
                nonlocal checked
                for _ in range(20):
                    index = IndexedStore(w.store, NameIndex())
                    for _ in range(3):
                        await trio.lowlevel.checkpoint()
                        assert len(index.index) == len(w.store)
                        newest = w.store.items()[-1]
                        assert index.index.get("default", newest.metadata.name) is newest
                        checked += 1
                    index.close()

            it.fake.faults.half_open()
            for n in range(0, 1500, 3):
                it.fake.delete("pods", f"pod-{n:04}")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(w.relist)
                nursery.start_soon(come_and_go)
            await w.settled()
            assert checked > 10
            assert sum(entry.index is not None for entry in w.store._cache.indexes.registrations) == 2
            assert len(w.store._cache.indexes.registrations) <= 3
