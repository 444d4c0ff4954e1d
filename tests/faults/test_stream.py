"""F36-F60: streams that arrive intact and say strange things."""

from __future__ import annotations

from copy import deepcopy

import msgspec
import pytest
import trio
from faults.harness import by_key, cluster, pod, without

from trio_k8swatch import ListOptions, NameIndex, ObjectMeta, State
from trio_k8swatch.testing import FakeApiServer


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    status: dict[str, object] = {}


async def test_F36_error_event_410(autojump_clock):
    """History is lost: one list, not older than what we have; the deletion that was missed is delivered as such."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            version = w.store.resource_version
            it.fake.faults.gone()
            it.fake.delete("pods", "a")
            it.fake.create(pod("b"))
            await w.settled()
            assert [a.options.resource_version for a in w.lists] == [None, version]
            assert w.lists[1].options.resource_version_match == "NotOlderThan"
            assert w.book.changes == [("add", "a"), ("delete", "a"), ("add", "b")]
            assert w.book.deletes("a") == [True]
            assert w.pauses()[0] >= 0.1


async def test_F37_error_event_after_every_list(autojump_clock):
    """A server that lists and then says 410, for ever: lists come along the curve, not as fast as it answers."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            gone = it.fake.faults.gone(times=None)
            await trio.sleep(600)
            assert 8 < len(w.lists) < 30
            assert max(w.pauses()) == 30
            gone.remove()
            it.fake.create(pod("b"))
            await w.settled()


async def test_F38_error_event_500(autojump_clock):
    """An internal error may pass: first the watch again, then a list."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.error_event(500)
            await trio.sleep(10)
            assert len(w.lists) == 1
            it.fake.faults.error_event(500, times=3)
            it.fake.create(pod("a"))
            await w.settled()
            assert 2 <= len(w.lists) <= 4
            assert len(w.watches) >= 4


@pytest.mark.parametrize(("code", "reason"), [(429, "TooManyRequests"), (504, "Timeout")])
async def test_F39_error_event_with_retry_after(code, reason, autojump_clock):
    """`retryAfterSeconds` in a Status is as good as the header."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.error_event(code, reason, retry_after_seconds=9)
            await trio.sleep(30)
            assert 9 <= w.pauses()[0] <= 9.9
            it.fake.create(pod("a"))
            await w.settled()


@pytest.mark.parametrize("obj", [{}, "oops", None, 7, [], {"kind": "Pod", "metadata": {}}, {"code": "410"}, {"code": None}])
async def test_F40_error_event_without_a_status(obj, autojump_clock):
    """An ERROR event that says nothing is a reason to list, and none to crash."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.send_event("ERROR", obj)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2
            assert w.store.health.last_error


@pytest.mark.parametrize("kind", ["FROB", "", "added", "SYNC"])
async def test_F41_unknown_event_type(kind, autojump_clock):
    """An event that nobody understands may have been data: a list shows what it was."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.unknown_type(kind)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2


async def test_F42_garbage_blank_lines_line_ends_and_marks(autojump_clock):
    """Blank lines, CRLF and byte order marks are skipped; what is no event at all is counted and listed away."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            with it.fake.faults.blank_lines(), it.fake.faults.crlf():
                it.fake.faults.bom()
                for n in range(5):
                    it.fake.create(pod(f"pod-{n}"))
                await w.settled()
            assert len(w.lists) == 1
            it.fake.faults.garbage()
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 2
            assert "is not an event" in (w.store.health.last_error or "")


async def test_F43_line_separators_inside_strings(autojump_clock):
    """What Unicode calls a line end is none in JSON lines."""
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
    """One byte in a chunk: the same events."""
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
    """Bytes that are no UTF-8 are a broken event: a list follows, and nothing of it is kept."""
    async with cluster() as it:
        async with it.watch(type=Pod, server=dict, settle=False) as w:
            await trio.sleep(15)
            it.fake.faults.bad_utf8()
            it.fake.create(pod("a"))
            await trio.sleep(30)
            assert [o.metadata.name for o in w.store.items()] == ["a"]
            assert len(w.lists) == 2


async def test_F46_a_large_object(autojump_clock):
    """Two MiB are an object like others."""
    async with cluster() as it:
        async with it.watch(inspect_every=60) as w:
            await trio.sleep(15)
            obj = pod("large")
            obj["metadata"]["annotations"] = {"example.com/large": "x" * (2 * 1024 * 1024)}
            it.fake.create(obj)
            await w.settled()
            assert not w.witness.failures


async def test_F46_a_line_over_the_limit(autojump_clock):
    """A line without end is given up with its size named; a list follows, and the watch lives."""
    from trio_k8swatch._wire import MAX_LINE_BYTES

    async with cluster() as it:
        async with it.watch(inspect_every=60) as w:
            await trio.sleep(15)
            it.fake.faults.send_bytes(b"x" * (MAX_LINE_BYTES + 1))
            it.fake.create(pod("a"))
            await w.settled()
            assert str(MAX_LINE_BYTES) in (w.store.health.last_error or "")
            assert len(w.lists) == 2


def stored(fake, name):
    return deepcopy(fake.get("pods", name))


def versioned(obj, version):
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}


async def test_F47_deleted_for_an_unknown_object(autojump_clock):
    """A deletion of what we never had is harmless if it is old, and a reason to list if it is news."""
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
    """Its add was lost: it is taken at once, and one list follows."""
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
    """Equal: a replay, ignored. Older: nothing changes, one list. Newer: taken at once, and one list."""
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
    """The final state is told as an update, then the deletion; indexes keyed by what changed are clean."""
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
    """A new object of an old name: the old one is deleted, then the new one added; the name index shows the new."""
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
    """A proxy that swaps two events does not cost the name index its newer object."""
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


async def test_F51_bookmarks_only(autojump_clock):
    """Hours of bookmarks move the version on: after a break the watch resumes where they left it."""
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
    "obj", [{"kind": "Pod", "metadata": {}}, {"kind": "Pod"}, {}, {"metadata": {"resourceVersion": ""}}, {"metadata": None}]
)
async def test_F52_bookmark_without_version(obj, autojump_clock):
    """A bookmark that says nothing is heard, and no more."""
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
    """An event from nowhere in history: a list, and never a watch from there."""

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


async def test_F54_objects_without_uid(autojump_clock):
    """Objects of aggregated servers that have no uid are known by namespace and name; everything works with them."""
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
    """Events that come again after a reconnect are not told again, deletions included, and cost no list."""
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


@pytest.mark.parametrize("first", [2**53 - 2, 2**63 - 2, 2**64 - 2, 10**30])
async def test_F57_large_versions(first, autojump_clock):
    """Versions are text: no size of number is rounded, and the right one is newer across a change of length."""
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
    """A backup was put back, and nobody said so: silence and a look at the server's version show it; deletions come."""
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
            assert trio.current_time() - began < 300
            assert w.book.of("new") == ["add", "delete"]
            assert w.book.of("old") == ["add", "update", "delete", "add"]
            assert w.names.index.get("default", "old") is not None


async def test_F58_rolled_back_and_rewritten(autojump_clock):
    """After a roll-back the same versions mean other contents: nothing of the old is kept for its version's sake."""
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
    """A bookmark that goes back leads to the same, sooner."""
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


async def test_F59_selectors(autojump_clock):
    """An object that leaves the selector is deleted, not stale; one that enters again is added, and no contradiction."""
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


async def test_F60_a_server_that_lags(autojump_clock):
    """Bookmarks older than what we have, again and again: nothing regresses, and nobody is asked in a hurry."""
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
    """A list older than what was asked for is refused; no object ever goes back."""
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


async def test_F50_two_of_one_name_in_an_index_of_its_own():
    """The name index alone: the deletion of the older object leaves the newer."""
    index = NameIndex()
    old, new = Pod(ObjectMeta(name="a", uid="1")), Pod(ObjectMeta(name="a", uid="2"))
    index.add(old)
    index.add(new)
    index.delete(old)
    assert index.get("", "a") is new
