"""F47-F50, F54-F56, F59: events that contradict what is known, come again, or come in another shape."""

from __future__ import annotations

from copy import deepcopy

import msgspec
import pytest
import trio
from faults.harness import by_key, cluster, pod, without

from trio_k8swatch import ListOptions, NameIndex, ObjectMeta


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    status: dict[str, object] = {}


def stored(fake, name):
    return deepcopy(fake.get("pods", name))


def versioned(obj, version):
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}


async def test_F47_deleted_for_an_unknown_object(autojump_clock):
    """A deletion of an unknown object is ignored if it is old, and leads to a list if it is new."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        ghost = {**stored(it.fake, "a"), "metadata": {**stored(it.fake, "a")["metadata"], "name": "ghost", "uid": "g"}}
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.send_event("DELETED", versioned(ghost, 1))
            await trio.sleep(10)
            assert len(w.lists) == 1
            it.fake.faults.send_event("DELETED", versioned(ghost, int(it.fake.resource_version) + 1))
            await trio.sleep(10)
            assert len(w.lists) == 2
            assert w.book.of("ghost") == []


async def test_F47_modified_for_an_unknown_object(autojump_clock):
    """A MODIFIED of an unknown object is applied at once, and one list follows."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.drop_events()
            it.fake.create(pod("a"))
            await trio.sleep(5)
            it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
            await trio.sleep(0.01)
            assert not w.difference()
            await w.settled()
            await trio.sleep(10)
            assert len(w.lists) == 2
            assert w.book.of("a") == ["add"]


@pytest.mark.parametrize(("offset", "lists", "told"), [(0, 1, ["add"]), (-1, 2, ["add"]), (1, 2, ["add", "update"])])
async def test_F47_added_for_a_known_object(offset, lists, told, autojump_clock):
    """Of an equal version: ignored as a replay. Older: no change, one list. Newer: applied at once, one list."""
    async with cluster() as it:
        it.fake.create(pod("pad"))
        it.fake.create(pod("a"))
        async with it.watch(settle=False) as w:
            await trio.sleep(15)
            it.fake.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "moves-the-version"}})
            again = stored(it.fake, "a")
            it.fake.faults.send_event("ADDED", versioned(again, int(again["metadata"]["resourceVersion"]) + offset))
            await trio.sleep(0.01)
            assert w.book.of("a") == told
            await trio.sleep(10)
            assert len(w.lists) == lists


async def test_F48_deleted_in_another_state(autojump_clock):
    """The final state is delivered as an update, then the deletion; indexes keyed by what changed are clean."""
    async with cluster() as it:
        it.fake.create(pod("a", "blue"))
        async with it.watch(settle=False) as w:
            await trio.sleep(15)
            final = stored(it.fake, "a")
            final["metadata"]["labels"]["app"] = "green"
            version = int(it.fake.resource_version) + 1
            it.fake.faults.rewrite_events(lambda e: {**e, "object": versioned(final, version)})
            it.fake.delete("pods", "a")
            await trio.sleep(1)
            assert w.book.of("a") == ["add", "update", "delete"]
            assert w.book.deletes("a") == [False]
            assert not w.apps.index.keys()
            assert len(w.names.index) == 0
            await w.settled()


async def test_F49_recreated_in_a_gap(autojump_clock):
    """The old object is deleted, then the new one added; the name index has the new one."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.half_open()
            it.fake.delete("pods", "a")
            it.fake.create(pod("a"))
            it.fake.compact()
            await w.settled()
            assert w.book.of("a") == ["add", "delete", "add"]
            assert w.book.deletes("a") == [True]
            assert w.names.index.get("default", "a") is w.store.items()[0]


async def test_F50_deletion_of_the_old_after_the_new(autojump_clock):
    """If two events are swapped, the name index keeps the newer object."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.out_of_order()
            it.fake.delete("pods", "a")
            it.fake.create(pod("a"))
            await trio.sleep(1)
            assert len(w.store) == 1
            assert w.names.index.get("default", "a") is w.store.items()[0]
            await w.settled()


async def test_F54_objects_without_uid(autojump_clock):
    """Objects without uid, from aggregated servers, are identified by namespace and name; everything works with them."""
    async with cluster() as it:
        strip = lambda: by_key([without(o, "uid") for o in it.fake.objects("pods")])  # noqa: E731 - it is short
        it.fake.faults.without_uid()
        it.fake.faults.rewrite_lists(
            lambda listing: {**listing, "items": [without(o, "uid") for o in listing["items"]]}, times=None
        )
        it.fake.create(pod("a"))
        it.fake.create(pod("gone"))
        async with it.watch(server=strip) as w:
            await trio.sleep(15)
            assert w.store.get("default/a") is not None
            listener = w.store.listen("default/a")
            assert listener is not None
            it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
            it.fake.create(pod("b"))
            it.fake.delete("pods", "b")
            with trio.fail_after(1):
                await listener.wait()
            await w.relist()
            assert await w.store.nop_update("default/a")
            it.fake.faults.gone()
            it.fake.delete("pods", "gone")
            await w.settled()
            assert w.book.of("gone") == ["add", "delete"]


@pytest.mark.parametrize("kind", ["Table", "PartialObjectMetadata", "Secret"])
async def test_F55_another_kind(kind, autojump_clock):
    """An object of another kind is an error, and never stored."""
    async with cluster() as it:
        it.fake.create(pod("first"))
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.wrong_kind(kind)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2
            assert kind in (w.store.health.last_error or "")
            assert all(o.kind in {"", "Pod"} for o in w.store.items())


async def test_F56_replayed_events(autojump_clock):
    """Events that are repeated after a reconnect are not delivered again, deletions included, and cost no list."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.create(pod("a"))
            it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
            it.fake.create(pod("b"))
            it.fake.delete("pods", "b")
            await w.settled()
            told = list(w.book.told)
            it.fake.faults.replay(events=3)
            it.fake.faults.duplicate_events()
            it.fake.faults.cut_connections()
            await trio.sleep(20)
            assert w.book.told == told
            it.fake.create(pod("c"))
            await w.settled()
            assert w.book.told[len(told) :] == w.book.told[-1:]
            assert len(w.lists) <= 2


async def test_F59_selectors(autojump_clock):
    """An object that stops matching the selector is deleted, not stale; one that matches again is added, without a list."""
    async with cluster() as it:
        mine = lambda: by_key(  # noqa: E731 - it is short
            [o for o in it.fake.objects("pods") if o["metadata"]["labels"].get("app") == "web"]
        )
        async with it.watch(options=ListOptions(label_selector="app=web"), server=mine) as w:
            await trio.sleep(15)
            it.fake.create(pod("a"))
            for app in ("db", "web", "db", "web", "web"):
                it.fake.patch("pods", "a", {"metadata": {"labels": {"app": app}}})
            await w.settled()
            assert w.book.of("a").count("add") == 3
            assert w.book.deletes("a") == [False, False]
            assert len(w.lists) == 1


async def test_F50_two_of_one_name_in_an_index_of_its_own():
    """The name index alone: the deletion of the older object leaves the newer."""
    index = NameIndex()
    old, new = Pod(ObjectMeta(name="a", uid="1")), Pod(ObjectMeta(name="a", uid="2"))
    index.add(old)
    index.add(new)
    index.delete(old)
    assert index.get("", "a") is new
