"""A controller is never stale against itself: with stores ten seconds behind, nothing is created twice."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
import trio
from core_helpers import Added, Deleted, Modified, Thing, bookmark, page, steady, thing

from trio_k8swatch import ListMeta, ListOptions, StaleError, TimeRange, open_watch
from trio_k8swatch._http.collection import Collection
from trio_k8swatch._observed_writes import Write, note_write
from trio_k8swatch.controller import Key, run_controller, watch

HISTORIES = int(os.environ.get("TRIO_K8SWATCH_CONTROLLER_HISTORIES", "60"))
LAG_SECONDS = 10.0


class World:
    """A server with one version for all its collections."""

    def __init__(self) -> None:
        self.version = 1
        self.log: list[tuple[float, int, str, Any]] = []
        self.objects: dict[str, dict[str, Thing]] = {"parents": {}, "children": {}}

    def put(self, plural: str, name: str, uid: str, value: int = 0) -> Thing:
        self.version += 1
        obj = thing(name, self.version, uid=uid, value=value)
        kind = Modified if uid in self.objects[plural] else Added
        self.objects[plural][uid] = obj
        self.log.append((trio.current_time(), self.version, plural, kind(obj)))
        return obj

    def delete(self, plural: str, uid: str) -> None:
        self.version += 1
        old = self.objects[plural].pop(uid)
        final = thing(old.metadata.name, self.version, uid=uid)
        self.log.append((trio.current_time(), self.version, plural, Deleted(final)))


class Lagging:
    """One collection of it, as a watch cache that is behind shows it."""

    def __init__(self, world: World, plural: str) -> None:
        self._world, self._plural = world, plural
        self.collection = Collection("v1", plural)

    def _shown(self) -> list[tuple[int, str, Any]]:
        until = trio.current_time() - LAG_SECONDS
        return [(version, plural, event) for at, version, plural, event in self._world.log if at <= until]

    async def page(self, options: ListOptions, take: Callable[[Any], object], /) -> ListMeta:
        await trio.lowlevel.checkpoint()
        objects: dict[str, Thing] = {}
        shown = self._shown()
        for _, plural, event in shown:
            if plural == self._plural:
                objects.pop(event.object.metadata.uid, None)
                if not isinstance(event, Deleted):
                    objects[event.object.metadata.uid] = event.object
        listed = page(*objects.values(), at=shown[-1][0] if shown else 1)
        take(listed)
        return listed.metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions, /) -> AsyncGenerator[Any]:
        await trio.lowlevel.checkpoint()
        yield _Stream(self, int(options.resource_version or 1))

    async def prefers_streaming_lists(self) -> bool:
        return False

    def since(self, version: int) -> list[Any]:
        news = [(at, plural, event) for at, plural, event in self._shown() if at > version]
        return [event if plural == self._plural else bookmark(at) for at, plural, event in news]


class _Stream:
    def __init__(self, source: Lagging, version: int) -> None:
        self._source, self._version = source, version

    async def receive(self) -> Iterator[Any]:
        while not (events := self._source.since(self._version)):
            await trio.sleep(0.5)
        self._version += len(events)
        return iter(events)


async def history(seed: int) -> int:
    """Parents come and change, children are deleted by others, runs fail; how often a child was created that was there."""
    rng, world = Random(seed), World()
    doubles = 0
    async with open_watch(Lagging(world, "parents"), config=steady()) as parents:
        async with open_watch(Lagging(world, "children"), config=steady()) as children, trio.open_nursery() as nursery:

            async def reconcile(key: Key) -> None:
                nonlocal doubles
                mine = [child for child in children if child.metadata.name.startswith(f"{key.name}-")]
                await trio.sleep(rng.choice([0, 0.1, 3]))
                if parents.by_name(*key) is not None and not mine:
                    real = [
                        child
                        for child in world.objects["children"].values()
                        if child.metadata.name.startswith(f"{key.name}-")
                    ]
                    doubles += bool(real)
                    name = f"{key.name}-{world.version}"
                    made = world.put("children", name, f"uid-{name}")
                    note_write(Write("v1", "children", "default", made.metadata.uid, made.metadata.resource_version))
                if rng.random() < 0.2:
                    raise ValueError("after the write")

            def owner(child: Thing) -> Key:
                return Key("default", child.metadata.name.partition("-")[0])

            sources = watch(parents), watch(children, keys=owner)
            run = partial(
                run_controller, reconcile, *sources, workers=rng.choice([1, 3]), retry_after=TimeRange(0.1, 4)
            )
            nursery.start_soon(partial(run, rng=rng))
            for _ in range(rng.randrange(5, 15)):
                await trio.sleep(rng.choice([0, 0.3, 2, 12]))
                name = rng.choice(["a", "b"])
                world.put("parents", name, f"uid-{name}", rng.randrange(100))
                if world.objects["children"] and rng.random() < 0.2:
                    world.delete("children", rng.choice([*world.objects["children"]]))
            await trio.sleep(40)
            nursery.cancel_scope.cancel()
    return doubles


async def test_nothing_is_created_twice(autojump_clock, caplog) -> None:
    """In any history."""
    caplog.set_level("CRITICAL")
    for seed in range(HISTORIES):
        assert await history(seed) == 0, f"seed {seed}"


async def test_without_the_guard_the_same_histories_create_doubles(autojump_clock, caplog, monkeypatch) -> None:
    """Nearly every one of them."""
    caplog.set_level("CRITICAL")
    monkeypatch.setattr("trio_k8swatch.controller._controller.unseen", lambda writes, stores: [])

    assert sum([await history(seed) > 0 for seed in range(10)]) > 5


async def test_after_five_seconds_somebody_is_told(autojump_clock, nursery, caplog) -> None:
    """And the key goes on waiting, while others run."""
    world, runs, errors = World(), [], []
    world.put("parents", "a", "uid-a")
    world.put("parents", "b", "uid-b")
    await trio.sleep(LAG_SECONDS)

    async def reconcile(key: Key) -> None:
        runs.append((trio.current_time() - began, key.name))
        if len(runs) == 1:
            made = world.put("parents", key.name, f"uid-{key.name}", 1)
            note_write(Write("v1", "parents", "default", made.metadata.uid, made.metadata.resource_version))

    async with open_watch(Lagging(world, "parents"), config=steady()) as parents:
        began = trio.current_time()
        tell = partial(run_controller, reconcile, watch(parents), on_error=lambda key, error: errors.append(error))
        nursery.start_soon(tell)
        await trio.sleep(4)
        assert [name for _, name in runs] == ["a", "b"]
        await trio.sleep(20)
        assert [name for _, name in runs] == ["a", "b", "a"]
        assert runs[2][0] >= LAG_SECONDS
        assert isinstance(errors[0], StaleError)
        assert "version 4 of uid-a (parents, v1)" in str(errors[0])
        nursery.cancel_scope.cancel()


async def test_a_deletion_is_waited_for_by_uid(autojump_clock, nursery, caplog) -> None:
    """An object of the same name is another."""
    world, runs = World(), []
    world.put("parents", "a", "uid-a")
    await trio.sleep(LAG_SECONDS)

    async def reconcile(key: Key) -> None:
        runs.append([obj.metadata.uid for obj in parents])
        if len(runs) == 1:
            world.delete("parents", "uid-a")
            note_write(Write("v1", "parents", "default", "uid-a", "", gone=True))
            world.put("parents", "a", "another")

    async with open_watch(Lagging(world, "parents"), config=steady()) as parents:
        nursery.start_soon(partial(run_controller, reconcile, watch(parents)))
        await trio.sleep(30)
        assert runs[0] == ["uid-a"]
        assert ["uid-a"] not in runs[1:]
        assert runs[-1] == ["another"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("plural", "namespace"), [("others", "default"), ("parents", "elsewhere")])
async def test_writes_that_no_store_shows_are_not_waited_for(autojump_clock, nursery, plural, namespace) -> None:
    """Of another resource, or in a namespace that is not watched."""
    world, runs = World(), []
    world.put("parents", "a", "uid-a")
    await trio.sleep(LAG_SECONDS)

    async def reconcile(key: Key) -> None:
        runs.append(trio.current_time())
        note_write(Write("v1", plural, namespace, "x", "999"))

    source = Lagging(world, "parents")
    source.collection = Collection("v1", "parents", "default")
    async with open_watch(source, config=steady()) as parents:
        nursery.start_soon(partial(run_controller, reconcile, watch(parents)))
        world.put("parents", "a", "uid-a", 1)
        await trio.sleep(LAG_SECONDS + 1)
        assert len(runs) == 2
        nursery.cancel_scope.cancel()
