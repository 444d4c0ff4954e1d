"""From events and lists to deltas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from core_helpers import Thing, bookmark, broken, thing
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_k8swatch import Added, Deleted, Modified, ObjectMeta, OwnerReference, PartialObjectMetadata, ProtocolError
from trio_k8swatch._object_meta import key_of, metadata_of
from trio_k8swatch._resource_version import compare
from trio_k8swatch._store.deltas import Delta, Drop, Put, RelistDeltas, WatchDeltas, checked_version


def reflector(version: str = "10") -> WatchDeltas[Thing]:
    made: WatchDeltas[Thing] = WatchDeltas(metadata_of)
    made.listed(version)
    return made


def known(*things: Thing) -> dict[str, Thing]:
    return {key_of(obj.metadata): obj for obj in things}


OLD, NEW = thing("a", 5), thing("a", 11)


def test_H1_an_added_object_is_put() -> None:
    """And the watch goes on from its version."""
    follow = reflector()
    assert follow.received({}, Added(NEW)) == Put("uid-of-a", None, NEW)
    assert (follow.resource_version, follow.doubt) == ("11", None)


def test_H3_a_modified_object_is_put_in_the_place_of_the_old() -> None:
    """Both states are in the delta."""
    assert reflector().received(known(OLD), Modified(NEW)) == Put("uid-of-a", OLD, NEW)


def test_H5_a_deleted_object_is_dropped_with_its_final_state() -> None:
    """Which may differ from the last one known (H6)."""
    assert reflector().received(known(OLD), Deleted(NEW)) == Drop("uid-of-a", OLD, NEW)


@pytest.mark.parametrize(("event", "delta"), [(Added, Put("uid-of-a", OLD, NEW))])
def test_H2_B20_ADDED_for_a_known_object_is_taken_and_doubted(event: Any, delta: Delta[Thing]) -> None:
    """The newer state at once; and a list follows."""
    follow = reflector()
    assert follow.received(known(OLD), event(NEW)) == delta
    assert follow.doubt == "ADDED for an object that is there already"


def test_H4_MODIFIED_for_an_unknown_object_is_taken_and_doubted() -> None:
    """It must have been added unheard."""
    follow = reflector()
    assert follow.received({}, Modified(NEW)) == Put("uid-of-a", None, NEW)
    assert follow.doubt == "MODIFIED for an object that was never added"


def test_H7_DELETED_for_an_unknown_object_is_doubted() -> None:
    """Nothing is there to be dropped, and something was missed."""
    follow = reflector()
    assert follow.received({}, Deleted(NEW)) is None
    assert follow.doubt == "DELETED for an object that was never added"


@pytest.mark.parametrize("event", [Added, Modified])
def test_B20_a_replay_of_what_is_known_is_ignored(event: Any) -> None:
    """An equal version says nothing, wherever the watch is."""
    for version in ("5", "10"):
        follow = reflector(version)
        assert follow.received(known(OLD), event(OLD)) is None
        assert follow.doubt is None
        assert follow.resource_version == version


def test_a_deletion_may_carry_the_last_version_of_the_object() -> None:
    """As before Kubernetes 1.9."""
    assert reflector("5").received(known(OLD), Deleted(OLD)) == Drop("uid-of-a", OLD, OLD)


@pytest.mark.parametrize("event", [Added, Modified, Deleted])
def test_an_older_state_of_a_known_object_is_not_taken(event: Any) -> None:
    """Time does not go backwards."""
    follow = reflector()
    assert follow.received(known(thing("a", 8)), event(thing("a", 7))) is None
    assert (follow.doubt is None) is (event is Modified)
    assert follow.resource_version == "10"


@pytest.mark.parametrize(("event", "suspects"), [(Added, True), (Modified, True), (Deleted, False)])
def test_an_old_event_about_an_unknown_object_brings_nobody_back(event: Any, *, suspects: bool) -> None:
    """It may be of an object that is gone by now; only that it is gone is harmless."""
    follow = reflector()
    assert follow.received({}, event(thing("z", 3))) is None
    assert follow.doubt is None
    assert follow.suspicion is suspects


def test_a_suspicion_stays_until_somebody_has_looked() -> None:
    """A harmless event does not take it back."""
    follow = reflector()
    for event in (Added(thing("z", 3)), Deleted(thing("y", 4))):
        assert follow.received({}, event) is None
    assert follow.suspicion


@pytest.mark.parametrize("event", [Modified, Deleted])
def test_an_event_at_the_very_version_of_the_watch_about_an_unknown_object_is_a_replay(event: Any) -> None:
    """Of the deletion that was the last thing heard."""
    follow = reflector()
    assert follow.received({}, event(thing("z", 10))) is None
    assert follow.doubt is None


def test_versions_that_cannot_be_compared_are_taken_as_they_come() -> None:
    """The order of the stream is all there is."""
    follow = reflector("x")
    assert follow.received(known(thing("a", "p")), Modified(thing("a", "q"))) == Put(
        "uid-of-a", thing("a", "p"), thing("a", "q")
    )
    assert follow.resource_version == "q"


@pytest.mark.parametrize("version", ["", "0"])
def test_E6_an_object_without_version_is_a_protocol_error(version: str) -> None:
    """The next watch could not begin there; the Go package replayed the world."""
    follow = reflector()
    with pytest.raises(ProtocolError, match="resourceVersion"):
        follow.received({}, Added(thing("a", version)))
    assert follow.resource_version == "10"


def test_B28_a_list_without_version_is_a_protocol_error() -> None:
    """A watch from "" replays, one from "0" begins anywhere."""
    for version in ("", "0"):
        with pytest.raises(ProtocolError):
            reflector(version)
    assert checked_version("1") == "1"


def test_a_list_settles_all_doubts() -> None:
    """And to forget is to need one."""
    follow = reflector()
    follow.received({}, Deleted(NEW))
    follow.listed("20")
    assert (follow.resource_version, follow.doubt) == ("20", None)


def test_T1_objects_without_uid_are_known_by_namespace_and_name() -> None:
    """In the Go package all of them were one."""
    follow = reflector()
    a, b = thing("a", 11, uid=""), thing("b", 12, uid="")
    assert follow.received({}, Added(a)) == Put("default/a", None, a)
    assert follow.received(known(a), Added(b)) == Put("default/b", None, b)


def test_T1_an_object_without_uid_and_name_is_a_protocol_error() -> None:
    """It cannot be told from others."""
    with pytest.raises(ProtocolError, match="uid and name"):
        reflector().received({}, Added(thing("", 11, uid="")))
    with pytest.raises(ProtocolError, match="uid and name"):
        RelistDeltas({}, metadata_of).take([thing("", 11, uid="")])


@pytest.mark.parametrize(
    ("version", "says_something", "then"),
    [("", False, "10"), ("0", False, "10"), ("12", True, "12"), ("7", True, "10")],
)
def test_E8_a_bookmark_moves_the_watch_forward_only(version: str, then: str, *, says_something: bool) -> None:
    """One without version says nothing; an older one comes from a server that lags."""
    follow = reflector()
    assert follow.marked(bookmark(version)) is says_something
    assert follow.resource_version == then


# Lists


def relisted(
    before: dict[str, Thing], *items: Thing, replay: bool = False
) -> tuple[list[Delta[Thing]], RelistDeltas[Thing]]:
    relisting: RelistDeltas[Thing] = RelistDeltas(before, metadata_of, replay=replay)
    relisting.take(items)
    return [delta for delta in relisting.deltas() if delta is not None], relisting


def test_L9_deletes_come_before_adds() -> None:
    """A name freed and taken again is never owned twice."""
    old, new, other = thing("a", uid="1"), thing("a", 9, uid="2"), thing("b")
    deltas, _ = relisted(known(other, old), other, new)
    assert deltas == [Drop("1", old, None), Put("2", None, new)]


def test_L8_B30_a_list_is_applied_in_a_stable_order() -> None:
    """Deletions in the order of what was known, the rest in the order of the list."""
    x, y, b, c = thing("x"), thing("y"), thing("b"), thing("c")
    newer = thing("b", 9)
    deltas, relisting = relisted(known(x, b, y), c, newer)
    assert deltas == [
        Drop("uid-of-x", x, None),
        Drop("uid-of-y", y, None),
        Put("uid-of-c", None, c),
        Put("uid-of-b", b, newer),
    ]
    assert list(relisting.objects) == ["uid-of-c", "uid-of-b"]


def test_L11_B25_unchanged_objects_stay_the_objects_that_they_were() -> None:
    """And give no delta; with `replay` they do."""
    before = thing("a", 5)
    again = thing("a", 5)
    deltas, relisting = relisted(known(before), again)
    assert deltas == []
    assert relisting.objects["uid-of-a"] is before
    deltas, relisting = relisted(known(before), again, replay=True)
    assert deltas == [Put("uid-of-a", before, again)]
    assert relisting.objects["uid-of-a"] is again


def test_L14_of_an_object_that_comes_twice_the_last_state_counts_once() -> None:
    """A list of many pages may show an object twice."""
    first, second = thing("a", 5), thing("a", 6)
    deltas, relisting = relisted({}, first, second)
    assert deltas == [Put("uid-of-a", None, second)]
    assert list(relisting.objects.values()) == [second]
    deltas, relisting = relisted(known(first), second, first)
    assert deltas == []
    assert relisting.objects["uid-of-a"] is first


def test_a_streaming_list_takes_deletions_back_out() -> None:
    """What came and went before the list was complete was never there."""
    relisting: RelistDeltas[Thing] = RelistDeltas({}, metadata_of)
    relisting.received(Added(thing("a", 5)))
    relisting.received(Added(thing("b", 6)))
    relisting.received(Deleted(thing("a", 7)))
    relisting.received(Deleted(thing("never", 8)))
    assert list(relisting.deltas()) == [Put("uid-of-b", None, thing("b", 6))]
    with pytest.raises(ProtocolError):
        relisting.received(Added(thing("c", "")))


@pytest.mark.parametrize("uid", ["u", ""])
def test_T1_a_list_knows_objects_as_the_watch_does(uid: str) -> None:
    """By uid, and by namespace and name where there is none."""
    one, other = thing("a", 5, uid=uid, namespace="x"), thing("a", 6, uid=uid and "other", namespace="y")
    keys = [key_of(obj.metadata) for obj in (one, other)]
    assert keys[0] == (uid or "x/a")
    _, relisting = relisted({}, one, other)
    assert list(relisting.objects) == keys
    relisting.received(Deleted(thing("a", 7, uid=uid, namespace="x")))
    assert list(relisting.objects) == keys[1:]


def test_an_object_without_version_is_never_taken_for_unchanged() -> None:
    """Of two states that say nothing of their age the newer answer counts."""
    before, again = thing("a", ""), thing("a", "")
    assert relisted(known(before), again)[0] == [Put("uid-of-a", before, again)]
    assert relisted(known(before), again)[1].objects["uid-of-a"] is again


def test_the_objects_of_a_list_share_what_is_equal() -> None:
    """Each comes with strings of its own off the wire."""

    def pod(name: str) -> Thing:
        return Thing(ObjectMeta(name=name, uid=name, resource_version="5", labels={"app": b"web".decode()}))

    a, b = pod("a"), pod("b")
    assert a.metadata.labels["app"] is not b.metadata.labels["app"]
    relisted({}, a, b)
    assert a.metadata.labels["app"] is b.metadata.labels["app"]


def test_a_list_replays_only_when_asked_to() -> None:
    """An unchanged object is no change."""
    assert not RelistDeltas[Thing]({}, metadata_of).replay


@pytest.mark.parametrize(("uid", "before", "after"), [("", 5, 6), ("u", 9, 10), ("u", 5, 6)])
def test_a_new_state_shares_what_is_equal_in_the_old(uid: str, before: int, after: int) -> None:
    """However its version was found to be newer."""

    def state(version: int) -> Thing:
        meta = ObjectMeta(name="a", uid=uid, resource_version=str(version), labels={"app": "web"})
        return Thing(meta)

    follow, old, new = reflector(str(before)), state(before), state(after)
    assert follow.received({key_of(old.metadata): old}, Modified(new)) is not None
    assert new.metadata.labels is old.metadata.labels


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 200).map(str), st.sampled_from(["x", "007", "a1"])), min_size=2, max_size=8))
def test_the_quick_way_to_compare_agrees_with_the_careful_one(versions: list[str]) -> None:
    """Whatever came before."""
    follow = reflector(versions[0])
    for version in versions[1:]:
        here = follow.resource_version or ""
        old = thing("a", "1")
        delta = follow.received({"uid-of-a": old}, Modified(thing("a", version)))
        assert follow.resource_version == (here if compare(version, here) == -1 else version)
        assert (delta is None) == (compare(version, here) != 1 and compare(version, "1") in {0, -1})


# Laws

real_deltas = RelistDeltas.deltas

uids = st.integers(0, 3).map(str)
versions = st.integers(1, 12).map(str)
things = st.builds(
    lambda uid, version, name: thing(name, version, uid=uid), uids, versions, st.sampled_from(["a", "b"])
)
events = st.builds(lambda kind, obj: kind(obj), st.sampled_from([Added, Modified, Deleted]), things)
steps = st.lists(st.one_of(events, versions.map(bookmark), st.lists(things, max_size=4)), max_size=25)


def apply(store: dict[str, Thing], delta: Delta[Thing]) -> None:
    """What a delta claims, checked against what is known."""
    assert store.get(delta.key) is delta.old
    if isinstance(delta, Put):
        store[delta.key] = delta.new
    else:
        del store[delta.key]


@settings(max_examples=300, deadline=None)
@given(steps)
def test_the_store_is_the_fold_of_the_deltas(script: list[Any]) -> None:
    """Whatever the server says, in whatever order: no version goes back, every list is what the store then is."""
    follow = reflector("1")
    store: dict[str, Thing] = {}
    for step in script:
        before = follow.resource_version
        if isinstance(step, list):
            relisting: RelistDeltas[Thing] = RelistDeltas(store, metadata_of)
            relisting.take(step)
            for delta in [delta for delta in relisting.deltas() if delta is not None]:
                apply(store, delta)
            follow.listed(max([before or "1", *(o.metadata.resource_version for o in step)], key=int))
            assert {k: o.metadata.resource_version for k, o in store.items()} == {
                o.metadata.uid: o.metadata.resource_version for o in step
            }
            assert {k: id(o) for k, o in store.items()} == {k: id(o) for k, o in relisting.objects.items()}
        elif hasattr(step, "resource_version"):
            follow.marked(step)
        else:
            old = store.get(step.object.metadata.uid)
            delta = follow.received(store, step)
            if delta is not None:
                apply(store, delta)
            if old is not None and (new := store.get(old.metadata.uid)) is not None:
                assert compare(new.metadata.resource_version, old.metadata.resource_version) != -1
        assert compare(follow.resource_version or "", before or "") != -1


@pytest.mark.parametrize(
    ("owner", "member", "wrong"),
    [
        (RelistDeltas, "deltas", lambda self: iter([d for d in real_deltas(self) if isinstance(d, Put)])),
        (RelistDeltas, "take", lambda self, items: [self.objects.setdefault(o.metadata.uid, o) for o in items]),
        (WatchDeltas, "received", lambda self, known, event: Put(event.object.metadata.uid, None, event.object)),
        (
            WatchDeltas,
            "received",
            lambda self, known, event: Put(
                event.object.metadata.uid, known.get(event.object.metadata.uid), event.object
            ),
        ),
        (WatchDeltas, "marked", lambda self, mark: setattr(self, "resource_version", mark.resource_version)),
    ],
    ids=["no drops", "first of two wins", "no old state", "older states taken", "bookmarks go back"],
)
def test_the_law_of_the_fold_fails_when_its_rule_is_broken(owner: type, member: str, wrong: Callable[..., Any]) -> None:
    """So it would be noticed."""
    with broken(owner, **{member: wrong}), pytest.raises(AssertionError):
        test_the_store_is_the_fold_of_the_deltas()


@pytest.mark.parametrize("kind", [Added, Modified])
@pytest.mark.parametrize(("listed", "replayed"), [("15", "15"), ("15", "12"), ("100", "99"), ("100", "12")])
def test_R11_an_item_newer_than_its_list_is_not_contradicted_by_what_led_to_it(
    kind: Any, listed: str, replayed: str
) -> None:
    """A watch from the list's version replays it: equal or older, it is nothing new, and nothing to list again for."""
    deltas: WatchDeltas[Any] = WatchDeltas(metadata_of)
    deltas.listed("10")
    known = {"uid-of-a": thing("a", listed)}
    assert deltas.received(known, kind(thing("a", replayed))) is None
    assert deltas.doubt is None
    assert not deltas.suspicion
    assert deltas.resource_version == replayed, "the watch has come so far"
    newer = thing("a", "101")
    assert deltas.received(known, Modified(newer)) == Put("uid-of-a", known["uid-of-a"], newer)
    assert deltas.doubt is None


def test_R11_a_deletion_before_the_state_of_a_list_is_a_contradiction() -> None:
    """The object is there, so it cannot have gone before: a list has to tell."""
    deltas: WatchDeltas[Any] = WatchDeltas(metadata_of)
    deltas.listed("10")
    assert deltas.received({"uid-of-a": thing("a", 15)}, Deleted(thing("a", 12))) is None
    assert deltas.doubt == "DELETED for an older state of an object"


@pytest.mark.parametrize("how", ["watched", "listed"])
def test_R19_nothing_of_objects_that_are_gone_is_pinned(how: str) -> None:
    """Neither when the last of them is deleted, nor when a list shows that they are gone."""
    deltas: WatchDeltas[Any] = WatchDeltas(metadata_of)
    deltas.listed("1")
    known: dict[str, Any] = {}
    for n in range(2, 300):
        key = f"uid-of-{n}"
        labels = {"n": str(n)}
        meta = ObjectMeta(
            name=str(n), uid=key, resource_version=str(n), labels=labels, owner_references=(OwnerReference(uid=key),)
        )
        obj = PartialObjectMetadata(meta)
        deltas.received(known, Added(obj))
        known[key] = obj
    remembered = deltas._interning
    assert len(remembered._siblings) == 298
    if how == "listed":
        deltas.listed("900")
    else:
        for n, (key, obj) in enumerate(list(known.items()), start=300):
            last = msgspec.structs.replace(obj.metadata, resource_version=str(n))
            deltas.received(known, Deleted(PartialObjectMetadata(last)))
            del known[key]
    assert not remembered._siblings
    assert not remembered._strings


def test_E6_an_object_whose_version_is_None_is_a_protocol_error() -> None:
    """Clients of others may have that where ours have an empty string."""
    nothing: Any = None
    broken_thing = Thing(ObjectMeta(name="a", uid="uid-of-a", resource_version=nothing))
    with pytest.raises(ProtocolError, match="resourceVersion"):
        reflector().received(known(thing("a", 5)), Modified(broken_thing))


def test_T1_an_object_with_a_uid_needs_no_name() -> None:
    """It is told from others by that."""
    nameless = Thing(ObjectMeta(uid="u", resource_version="11"))
    assert reflector().received({}, Added(nameless)) == Put("u", None, nameless)


def test_T1_an_object_of_a_list_with_a_uid_needs_no_name() -> None:
    """As in a watch; also where a streaming list takes it back."""
    nameless = thing("", 5, uid="u")
    _, relisting = relisted({}, nameless)
    assert relisting.objects == {"u": nameless}
    relisting.received(Deleted(thing("", 6, uid="u")))
    assert relisting.objects == {}
