"""F51-F53, F57, F58, F60: resourceVersions that are missing, strange, or go back."""

from __future__ import annotations

import msgspec
import pytest
import trio
from faults.harness import by_key, cluster, pod

from trio_k8swatch import ObjectMeta, State
from trio_k8swatch.testing import FakeApiServer


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    status: dict[str, object] = {}


def versioned(obj, version):
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}


async def test_F51_bookmarks_only(autojump_clock):
    """Bookmarks advance the version: after a break the watch resumes at that of the last one."""
    async with cluster() as it:
        async with it.watch(inspect_every=20) as w:
            for n in range(60):
                it.fake.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{n}"}})
                await trio.sleep(60)
            version = it.fake.resource_version
            assert int(w.store.resource_version) >= int(version) - 1
            it.fake.compact(w.store.resource_version)
            it.fake.faults.cut_connections()
            await trio.sleep(5)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1
            assert w.store.health.last_bookmark_at is not None


@pytest.mark.parametrize(
    "obj",
    [{"kind": "Pod", "metadata": {}}, {"kind": "Pod"}, {}, {"metadata": {"resourceVersion": ""}}, {"metadata": None}],
)
async def test_F52_bookmark_without_version(obj, autojump_clock):
    """A bookmark without a version counts as a sign of life, and nothing else."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            version = w.store.resource_version
            it.fake.faults.send_event("BOOKMARK", obj)
            await trio.sleep(1)
            assert w.store.resource_version == version
            assert not w.witness.failures
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1


@pytest.mark.parametrize("version", [None, "", "0"])
async def test_F53_event_without_version(version, autojump_clock):
    """An event without a version leads to a list; no watch starts from it."""

    def change(event):
        event["object"]["metadata"].pop("resourceVersion")
        if version is not None:
            event["object"]["metadata"]["resourceVersion"] = version
        return event

    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.rewrite_events(change)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2
            assert all(a.options.resource_version not in {"", "0", None} for a in w.watches)


@pytest.mark.parametrize("first", [2**53 - 2, 2**63 - 2, 2**64 - 2, 10**30])
async def test_F57_large_versions(first, autojump_clock):
    """Versions are text: large numbers are not rounded, and order is right across a change of length."""
    fake = FakeApiServer(seed=1, first_resource_version=first)
    async with cluster(fake) as it:
        async with it.watch() as w:
            for n in range(5):
                it.fake.create(pod(f"pod-{n}"))
                await trio.sleep(15)
                it.fake.faults.cut_connections()
            await w.settled()
            assert w.store.resource_version == fake.resource_version
            assert len(w.lists) == 1
            await w.store.at_least(fake.resource_version)


async def test_F57_versions_that_are_no_numbers(autojump_clock):
    """Versions that cannot be compared are only ever equal or different; recovery works all the same."""
    async with cluster() as it:
        it.fake.faults.opaque_versions()
        prefixed = lambda: by_key(  # noqa: E731 - it is short
            [versioned(o, "kcp-" + o["metadata"]["resourceVersion"]) for o in it.fake.objects("pods")]
        )
        it.fake.create(pod("a"))
        async with it.watch(server=prefixed) as w:
            await trio.sleep(15)
            it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
            it.fake.create(pod("b"))
            await w.settled()
            it.fake.faults.cut_connections()
            it.fake.delete("pods", "a")
            await w.settled()
            it.fake.faults.gone()
            await w.settled()
            await w.relist()
            with trio.fail_after(10):
                await w.store.at_least("kcp-" + it.fake.resource_version)


async def test_F58_rolled_back(autojump_clock):
    """A restored backup is detected by silence and the server's version; deletions are delivered."""
    async with cluster() as it:
        it.fake.create(pod("old"))
        it.fake.create(pod("changed"))
        backup = it.fake.resource_version
        async with it.watch() as w:
            await trio.sleep(30)
            it.fake.create(pod("new"))
            it.fake.patch("pods", "changed", {"status": {"phase": "Running"}})
            it.fake.delete("pods", "old")
            await w.settled()
            it.fake.faults.roll_back(backup)
            it.fake.faults.half_open(times=2)
            began = trio.current_time()
            await w.settled(within=600)
            assert trio.current_time() - began < 400
            assert w.book.of("new") == ["add", "delete"]
            assert w.book.of("old") == ["add", "update", "delete", "add"]
            assert w.names.index.get("default", "old") is not None


async def test_F58_rolled_back_and_rewritten(autojump_clock):
    """After a restore the same versions have other contents: no old object is kept because its version is equal."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        backup = it.fake.resource_version
        async with it.watch() as w:
            await trio.sleep(30)
            it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
            it.fake.create(pod("b"))
            it.fake.create(pod("c"))
            await w.settled()
            it.fake.faults.roll_back(backup)
            it.fake.patch("pods", "a", {"status": {"phase": "Failed"}})
            it.fake.faults.half_open(times=2)
            await w.settled(within=600)
            assert w.store.items()[0]["status"]["phase"] == "Failed"


async def test_F58_rolled_back_bookmarks_tell(autojump_clock):
    """A bookmark with an older version leads to the same, sooner."""
    async with cluster() as it:
        backup = it.fake.resource_version
        async with it.watch() as w:
            await trio.sleep(30)
            it.fake.create(pod("new"))
            await w.settled()
            it.fake.faults.roll_back(backup)
            began = trio.current_time()
            await w.settled(within=600)
            assert trio.current_time() - began < 150
            assert w.book.of("new") == ["add", "delete"]


async def test_F60_a_server_that_lags(autojump_clock):
    """Repeated older bookmarks: nothing regresses, and there is no rush of requests."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            for n in range(5):
                it.fake.patch("pods", "a", {"status": {"phase": f"p{n}"}})
            await w.settled()
            old = {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "3"}}
            versions = [w.store.resource_version]
            lagging = it.fake.faults.send_event("BOOKMARK", old, times=None)
            await trio.sleep(120)
            versions.append(w.store.resource_version)
            assert versions == sorted(versions)
            assert len(w.witness.attempts) < 60
            assert w.book.of("a") == ["add"] + ["update"] * 5
            lagging.remove()
            await w.settled()


async def test_F60_lists_of_a_server_that_lags(autojump_clock):
    """A list older than requested is rejected; no object goes back to an older state."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            old = it.fake.objects("pods")
            for n in range(5):
                it.fake.patch("pods", "a", {"status": {"phase": f"p{n}"}})
            await w.settled()

            def lag(listing):
                return {**listing, "metadata": {"resourceVersion": old[0]["metadata"]["resourceVersion"]}, "items": old}

            it.fake.faults.rewrite_lists(lag)
            it.fake.faults.gone()
            await trio.sleep(30)
            assert w.book.of("a") == ["add"] + ["update"] * 5
            await w.settled()
            assert w.store.health.state is State.LIVE
