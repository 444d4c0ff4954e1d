"""Indexes: always what a rebuild from the objects would be."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec
import pytest
from core_helpers import Thing, broken, thing
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from trio_k8swatch import ConfigError, FlatNameIndex, KeyIndex, NameIndex, RebuildableIndex
from trio_k8swatch._store.indexes.key_indexes import _NamedIndex, can_be_rebuilt

names = st.sampled_from(["a", "b"])
namespaces = st.sampled_from(["x", "y"])
values = st.integers(0, 2)


def keys_of(obj: Thing) -> list[int]:
    return list(range(obj.value)) * 2


class Indexes(RuleBasedStateMachine):
    """Objects come, change, even their names, and go; two may bear one name."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, Thing] = {}
        self.by_name: NameIndex[Thing] = NameIndex()
        self.flat: FlatNameIndex[Thing] = FlatNameIndex()
        self.by_value: KeyIndex[Thing, int] = KeyIndex(keys_of)
        self.by_one: KeyIndex[Thing, int] = KeyIndex(lambda obj: obj.value or None)

    @property
    def all(self) -> list[NameIndex[Thing] | FlatNameIndex[Thing] | KeyIndex[Thing, int]]:
        return [self.by_name, self.flat, self.by_value, self.by_one]

    @rule(uid=st.integers(0, 4).map(str), name=names, namespace=namespaces, value=values)
    def put(self, uid: str, name: str, namespace: str, value: int) -> None:
        new = thing(name, uid=uid, namespace=namespace, value=value)
        old = self.objects.get(uid)
        self.objects[uid] = new
        for index in self.all:
            if old is None:
                index.add(new)
            else:
                index.update(old, new)

    @rule(uid=st.integers(0, 4).map(str))
    def drop(self, uid: str) -> None:
        old = self.objects.pop(uid, None)
        if old is not None:
            for index in self.all:
                index.delete(old)

    @rule(uid=st.integers(0, 4).map(str), name=names, namespace=namespaces)
    def drop_a_stranger(self, uid: str, name: str, namespace: str) -> None:
        """An object that the index never held changes nothing, whatever its name (B10, I6, I7)."""
        stranger = thing(name, uid=f"stranger {uid}", namespace=namespace)
        for index in self.all:
            index.delete(stranger)

    @rule()
    def rebuild(self) -> None:
        for index in self.all:
            fresh = index.fresh()
            for obj in self.objects.values():
                fresh.add(obj)
            index.adopt(fresh)  # pyright: ignore[reportArgumentType] - each its own kind

    @invariant()
    def names_find_one_of_theirs(self) -> None:
        held = {(o.metadata.namespace, o.metadata.name) for o in self.objects.values()}
        assert len(self.by_name) == len(held)
        assert len(self.flat) == len({name for _, name in held})
        for namespace in ("x", "y"):
            for name in ("a", "b"):
                candidates = [
                    o for o in self.objects.values() if (o.metadata.namespace, o.metadata.name) == (namespace, name)
                ]
                found = self.by_name.get(namespace, name)
                assert any(found is o for o in candidates) if candidates else found is None
        for name in ("a", "b"):
            candidates = [o for o in self.objects.values() if o.metadata.name == name]
            found = self.flat.get(name)
            assert any(found is o for o in candidates) if candidates else found is None

    @invariant()
    def keys_find_all_of_theirs(self) -> None:
        for index, function in ((self.by_value, keys_of), (self.by_one, lambda o: [o.value] if o.value else [])):
            expected = {key for o in self.objects.values() for key in function(o)}
            assert set(index.keys()) == set(index) == expected
            assert len(index) == len(expected)
            for key in (0, 1, 2):
                found = index.get(key)
                wanted = [o for o in self.objects.values() if key in function(o)]
                assert sorted(map(id, found)) == sorted(map(id, wanted))


def run(phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    how = settings(max_examples=150, stateful_step_count=25, deadline=None, phases=phases, report_multiple_bugs=False)
    run_state_machine_as_test(Indexes, settings=how)


def expect_failure() -> None:
    """The law does not hold, one way or another."""
    with pytest.raises((AssertionError, LookupError)):
        run((Phase.generate,))


def test_I6_I7_B10_indexes_are_what_a_rebuild_would_be() -> None:
    """After any sequence of changes."""
    run()


def test_I6_B10_the_law_of_indexes_fails_where_delete_does_not_look_whom_it_deletes() -> None:
    """As in the Go package."""

    def delete(self: _NamedIndex[Thing, object], obj: Thing, /) -> None:
        self._shown.pop(self._name(self._metadata(obj)), None)

    with broken(_NamedIndex, delete=delete):
        expect_failure()


def test_I6_the_law_of_indexes_fails_where_update_forgets_the_old_name() -> None:
    """An entry would stay for ever."""

    def update(self: _NamedIndex[Thing, object], old: Thing, new: Thing, /) -> None:
        self._shown[self._name(self._metadata(new))] = new

    with broken(_NamedIndex, update=update):
        expect_failure()


def test_I8_the_law_of_indexes_fails_where_empty_keys_are_kept() -> None:
    """client-go had that bug (kubernetes#84959)."""

    def forget(self: KeyIndex[Thing, int], who: str, keys: tuple[int, ...]) -> None:
        for key in keys:
            self._objects.get(key, {}).pop(who, None)

    with broken(KeyIndex, _forget=forget):
        expect_failure()


def test_I7_the_survivor_of_a_shared_name_is_found_again() -> None:
    """The Go package lost it, whichever of the two was deleted."""
    index: FlatNameIndex[Thing] = FlatNameIndex()
    first, second = thing("a", namespace="x", uid="1"), thing("a", namespace="y", uid="2")
    index.add(first)
    index.add(second)
    assert index.get("a") is second
    index.delete(second)
    assert index.get("a") is first
    index.delete(first)
    assert index.get("a") is None
    assert not index._hidden


def test_I6_an_object_that_is_hidden_by_another_is_updated_and_deleted_where_it_is() -> None:
    """The one that shows is none of its business."""
    index: FlatNameIndex[Thing] = FlatNameIndex()
    first, second = thing("a", uid="1"), thing("a", uid="2")
    newer = thing("a", 2, uid="1")
    index.add(first)
    index.add(second)
    index.update(first, newer)
    assert index.get("a") is second
    index.delete(second)
    assert index.get("a") is newer


def test_I8_a_key_function_may_give_one_key_or_many_or_none() -> None:
    """A tuple is one key; a string is one key."""
    index: KeyIndex[Thing, object] = KeyIndex(lambda obj: ("pair", obj.value))
    index.add(thing("a", value=1))
    assert [o.metadata.name for o in index.get(("pair", 1))] == ["a"]
    several: KeyIndex[Thing, str] = KeyIndex(lambda obj: {"odd"} if obj.value % 2 else frozenset({"even", "also"}))
    several.add(thing("a", value=1))
    several.add(thing("b", value=2))
    assert set(several.keys()) == {"odd", "even", "also"}
    assert several.get("missing") == ()


def test_I8_a_key_function_is_asked_once_for_each_state() -> None:
    """An object is found where it was filed, whatever the function would say now."""
    said = {"a": 1}
    index: KeyIndex[Thing, int] = KeyIndex(lambda obj: said[obj.metadata.name])
    a = thing("a")
    index.add(a)
    said["a"] = 2
    index.delete(a)
    assert not list(index)


def test_I8_a_key_function_that_raises_leaves_the_index_as_it_was() -> None:
    """Nothing is half filed."""
    index: KeyIndex[Thing, int] = KeyIndex(lambda obj: 1 // obj.value)
    a = thing("a", value=1)
    index.add(a)
    with pytest.raises(ZeroDivisionError):
        index.update(a, thing("a", 2, value=0))
    assert index.get(1) == (a,)


def test_I8_what_cannot_be_a_key_leaves_the_index_as_it_was() -> None:
    """A list of lists, for example."""
    index: KeyIndex[Thing, object] = KeyIndex(lambda obj: [obj.value, [1]])  # type: ignore[arg-type, list-item] - the point
    with pytest.raises(TypeError):
        index.add(thing("a"))
    assert not list(index)


def test_the_indexes_of_this_library_can_be_rebuilt_out_of_sight() -> None:
    """And one's own, that can only add, update and delete, need not."""

    class Mine:
        def add(self, obj: object, /) -> None: ...
        def update(self, old: object, new: object, /) -> None: ...
        def delete(self, obj: object, /) -> None: ...

    assert isinstance(NameIndex(), RebuildableIndex)
    assert isinstance(KeyIndex(str), RebuildableIndex)
    assert not isinstance(Mine(), RebuildableIndex)


def test_an_index_over_dicts_needs_no_help() -> None:
    """Metadata is found by key as by attribute."""
    index: NameIndex[dict[str, object]] = NameIndex()
    obj = {"metadata": {"name": "a", "namespace": "x", "uid": "1"}}
    index.add(obj)
    assert index.get("x", "a") is obj


@given(st.lists(values, max_size=6))
def test_I8_objects_stand_under_a_key_in_the_order_in_which_they_came_to_it(given_values: list[int]) -> None:
    """So what is read from an index can be compared."""
    index: KeyIndex[Thing, int] = KeyIndex(lambda obj: obj.value)
    things = [thing(str(n), value=value) for n, value in enumerate(given_values)]
    for obj in things:
        index.add(obj)
    for value in (0, 1, 2):
        assert index.get(value) == tuple(o for o in things if o.value == value)
    if things:
        changed = msgspec.structs.replace(things[0], metadata=msgspec.structs.replace(things[0].metadata, generation=1))
        index.update(things[0], changed)
        assert index.get(changed.value)[0] is changed


def _steps_of(call: Callable[[], object]) -> int:
    """How many bytecodes `call` takes."""
    steps = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    if here := inspect.currentframe():
        # Python 3.12 looks at the moment of `settrace` whether any frame wants to be traced so closely.
        here.f_trace_opcodes = True
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return steps


def test_R19_a_name_that_thousands_share_costs_no_more_than_one_that_few_do() -> None:
    """kube-root-ca.crt is in every namespace: each of its changes cost a look at all of them."""

    def steps(namesakes: int) -> int:
        index: FlatNameIndex[Thing] = FlatNameIndex()
        things = [thing("same", n, uid=str(n), namespace=f"n{n}") for n in range(1, namesakes + 1)]
        for one in things:
            index.add(one)
        newer = thing("same", 9999, uid="3", namespace="n3")
        return _steps_of(lambda: (index.update(things[2], newer), index.delete(newer), index.add(newer)))

    assert steps(2000) == steps(10) > 0


def test_R19_of_many_namesakes_the_newest_shows_then_the_one_before_it() -> None:
    """Whichever of them go, in whatever state."""
    index: FlatNameIndex[Thing] = FlatNameIndex()
    a, b, c, d = (thing("x", 1, uid=uid, namespace=uid) for uid in "abcd")
    for one in (a, b, c, d):
        index.add(one)
    newer_b = thing("x", 9, uid="b", namespace="b")
    index.update(b, newer_b)
    assert index.get("x") is d
    index.delete(c)
    index.delete(d)
    assert index.get("x") is newer_b
    index.delete(newer_b)
    assert index.get("x") is a
    index.delete(a)
    assert index.get("x") is None
    assert len(index) == 0


def test_R19_a_key_function_may_be_a_generator() -> None:
    """It was filed under itself, where nobody finds it."""
    index: KeyIndex[Thing, str] = KeyIndex(lambda obj: (key for key in (obj.metadata.name, "all")))
    a = thing("a", 1)
    index.add(a)
    assert index.get("a") == index.get("all") == (a,)
    assert len(index) == 2


def test_R22_an_async_key_function_is_refused() -> None:
    """A coroutine can be a key, too."""

    async def key(_: Thing) -> str:
        raise AssertionError

    index: KeyIndex[Thing, Any] = KeyIndex(key)
    a = thing("a", 1)
    with pytest.raises(ConfigError, match="key function of a KeyIndex returned a coroutine"):
        index.add(a)


def test_a_subclass_is_rebuilt_only_if_it_says_how() -> None:
    """Ours know nothing of what it keeps besides; and half of the protocol is none of it."""

    class Counting(NameIndex[Thing]):
        pass

    class Knowing(NameIndex[Thing]):
        def fresh(self) -> Any:
            return Knowing()

    class Half:
        def fresh(self) -> Any:
            raise NotImplementedError

    asked = (NameIndex[Thing](), FlatNameIndex[Thing](), KeyIndex[Thing, int](keys_of), Knowing(), Counting(), Half())
    assert [can_be_rebuilt(index) for index in asked] == [True, True, True, True, False, False]


@pytest.mark.parametrize(
    "make", [NameIndex, FlatNameIndex, lambda metadata: KeyIndex(lambda obj: obj[0], metadata=metadata)]
)
def test_a_fresh_index_knows_the_metadata_of_its_objects(make: Callable[..., Any]) -> None:
    """As the one that it is to replace."""
    index = make(metadata=lambda obj: obj[1].metadata)
    fresh = index.fresh()
    fresh.add(("x", thing("a", 1)))
    index.adopt(fresh)
    assert len(index) == 1


def test_I6_an_update_of_what_is_not_there_adds_nothing() -> None:
    """Neither what shows nor what is hidden behind it."""
    index: FlatNameIndex[Thing] = FlatNameIndex()
    hidden, shown = thing("a", 1, uid="1"), thing("a", 2, uid="2")
    index.add(hidden)
    index.add(shown)
    index.update(thing("a", 3, uid="3"), thing("a", 4, uid="3"))
    assert index.get("a") is shown
    index.delete(shown)
    assert index.get("a") is hidden
    index.delete(hidden)
    assert index.get("a") is None


def test_I8_an_object_without_a_place_leaves_nothing_behind() -> None:
    """A selecting index of few objects among a hundred thousand is small."""
    index: KeyIndex[Thing, int] = KeyIndex(lambda obj: obj.value or None)
    nowhere, somewhere = thing("a", 1, value=0), thing("a", 2, value=1)
    index.add(nowhere)
    index.update(nowhere, somewhere)
    assert index.get(1) == (somewhere,)
    index.update(somewhere, nowhere)
    assert (index.get(1), index._keys, index._objects) == ((), {}, {})
