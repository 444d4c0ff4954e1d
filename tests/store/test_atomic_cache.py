"""The local copy: objects, indexes and version move together, and everybody is told afterwards."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from core_helpers import Diary, Thing, thing

from trio_k8swatch import FlatNameIndex, HandlerFuncs, Index, NameIndex
from trio_k8swatch._object_meta import metadata_of
from trio_k8swatch._store.atomic_cache import Cache
from trio_k8swatch._store.deltas import Delta, Drop, Put

A, B = thing("a", 1), thing("b", 2)


def cache_of(handlers: HandlerFuncs[Any] | None = None) -> Cache[Thing]:
    return Cache(handlers or HandlerFuncs(), metadata_of)


def added(*things: Thing) -> list[Delta[Thing]]:
    return [Put(obj.metadata.uid, None, obj) for obj in things]


def attach(cache: Cache[Thing], index: Index[Thing]) -> None:
    cache.indexes.attach(index, cache.objects.values())


async def test_a_change_moves_everything_before_anyone_is_told() -> None:
    """Objects, version and every index."""
    seen: list[Any] = []
    cache = cache_of(HandlerFuncs(add=lambda obj, preexisting: seen.append((cache.resource_version, index.get("a")))))
    index: FlatNameIndex[Thing] = FlatNameIndex()
    attach(cache, index)
    cache.apply(Put("uid-of-a", None, A), "5")
    assert seen == [("5", A)]


@pytest.mark.parametrize("count", [10, 1500])
async def test_a_list_goes_into_indexes_at_once_or_by_a_rebuild(count: int) -> None:
    """A large one is prepared out of sight, with checkpoints; nobody can tell the difference."""
    things = [thing(f"n{n}", n + 1) for n in range(count)]
    told: list[str] = []

    class Simple:
        """Cannot be rebuilt."""

        def add(self, obj: Thing, /) -> None:
            told.append(obj.metadata.name)

        def update(self, old: Thing, new: Thing, /) -> None:
            raise AssertionError

        def delete(self, obj: Thing, /) -> None:
            raise AssertionError

    cache = cache_of()
    by_name: NameIndex[Thing] = NameIndex()
    attach(cache, by_name)
    simple = Simple()
    attach(cache, simple)
    await cache.replace({obj.metadata.uid: obj for obj in things}, added(*things), "9")
    assert len(by_name) == len(told) == count
    assert by_name.get("default", "n7") is things[7]


async def test_an_index_that_comes_during_a_rebuild_misses_nothing() -> None:
    """It is filled with what is there, and then told what changes."""
    things = [thing(f"n{n}", n + 1) for n in range(2000)]
    cache = cache_of()
    early: NameIndex[Thing] = NameIndex()
    attach(cache, early)
    late: NameIndex[Thing] = NameIndex()

    async def come_late() -> None:
        await trio.lowlevel.checkpoint()
        assert len(cache.objects) == 0
        attach(cache, late)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(come_late)
        await cache.replace({obj.metadata.uid: obj for obj in things}, added(*things), "9")
    assert len(late) == 2000


async def test_an_index_that_raises_is_taken_out_and_the_others_agree() -> None:
    """With the objects; and the error says whose it was."""

    class Bad(FlatNameIndex[Thing]):
        def add(self, obj: Thing, /) -> None:
            raise ZeroDivisionError

    for count in (1, 1500):
        cache = cache_of()
        good: NameIndex[Thing] = NameIndex()
        things = [thing(f"n{n}", n + 1) for n in range(count)]
        bad = Bad()
        attach(cache, bad)
        attach(cache, good)
        with pytest.raises(ZeroDivisionError) as caught:
            await cache.replace({obj.metadata.uid: obj for obj in things}, added(*things), "9")
            await cache.notify_all(added(*things), preexisting=False)
        assert "the index Bad" in caught.value.__notes__[0]
        assert len(good) == len(cache.objects)
        assert [one.index for one in cache.indexes.registrations if one.index is not None] == [good]


async def test_a_long_list_is_told_with_checkpoints() -> None:
    """The loop stays responsive."""
    things = [thing(f"n{n}", n + 1) for n in range(1000)]
    diary = Diary()
    cache = cache_of(diary.handlers())
    others = 0

    async def other() -> None:
        nonlocal others
        while len(diary.lines) < 1000:
            others += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await cache.notify_all(added(*things), preexisting=True)
    assert others >= 2
    assert len(diary.lines) == 1000


async def test_handlers_that_are_not_there_are_not_called() -> None:
    """Any of them."""
    for handlers in (HandlerFuncs[Any](), HandlerFuncs[Any](delete=lambda obj, may_be_stale: None)):
        cache = cache_of(handlers)
        for delta in (
            Put("uid-of-a", None, A),
            Put("uid-of-a", A, B),
            Drop("uid-of-a", B, A),
            *added(A),
            Drop("uid-of-a", A, None),
        ):
            cache.apply(delta, "1")
        assert cache.objects == {}


async def test_Ctrl_C_does_not_split_a_commit() -> None:
    """It comes before or after."""
    cache = cache_of()
    assert trio.lowlevel.currently_ki_protected() is False
    protected: list[bool] = []

    class Index(FlatNameIndex[Thing]):
        def add(self, obj: Thing, /) -> None:
            protected.append(trio.lowlevel.currently_ki_protected())

    index = Index()
    attach(cache, index)
    cache.apply(Put("uid-of-a", None, A), "1")
    await cache.replace({"uid-of-b": B}, added(B), "2")
    assert protected == [True, True]
