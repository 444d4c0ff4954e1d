"""The indexes of a copy: told of everything while they are registered, and of nothing after that."""

from __future__ import annotations

from typing import Any

import pytest
from core_helpers import Thing, thing

from trio_k8swatch import ConfigError, FlatNameIndex, KeyIndex, NameIndex
from trio_k8swatch._store.deltas import Delta, Drop, Put
from trio_k8swatch._store.indexes.registered_indexes import Registrations

A, B = thing("a", 1), thing("b", 2)


def test_an_index_is_filled_and_kept_exact() -> None:
    """With what is there, then with what comes."""
    indexes: Registrations[Thing] = Registrations()
    index: FlatNameIndex[Thing] = FlatNameIndex()
    indexes.attach(index, [A])
    indexes.apply(Put("uid-of-b", None, B))
    assert (index.get("a"), index.get("b")) == (A, B)


def test_an_index_may_be_taken_out_twice() -> None:
    """It stays as it is then, the others go on, and the next one that comes finds no trace of it."""
    indexes: Registrations[Thing] = Registrations()
    first, second = NameIndex[Thing](), NameIndex[Thing]()
    registration = indexes.attach(first, ())
    indexes.attach(second, ())
    registration.end()
    registration.end()
    indexes.apply(Put("uid-of-a", None, A))
    assert (len(first), len(second)) == (0, 1)
    indexes.attach(NameIndex[Thing](), [A])
    assert registration not in indexes.registrations


def test_of_several_indexes_that_raise_all_are_taken_out() -> None:
    """The first error is raised, and says whose it is."""

    class Bad(FlatNameIndex[Thing]):
        def add(self, obj: Thing, /) -> None:
            raise ZeroDivisionError

    class Worse(FlatNameIndex[Thing]):
        def add(self, obj: Thing, /) -> None:
            raise KeyError

    indexes: Registrations[Thing] = Registrations()
    good: FlatNameIndex[Thing] = FlatNameIndex()
    held = (Bad(), Worse(), good)
    for index in held:
        indexes.attach(index, ())
    with pytest.raises(ZeroDivisionError) as caught:
        indexes.apply(Put("uid-of-a", None, A))
    assert caught.value.__notes__ == ["raised by the index Bad, which was taken out of the store"]
    assert [one.index for one in indexes.registrations if one.index is not None] == [good]
    assert good.get("a") is A


def told(*, fails: type[Exception] | None = None) -> tuple[list[object], Any]:
    """An index that cannot be rebuilt, and what it is told."""
    log: list[object] = []

    class Told:
        def add(self, obj: Thing, /) -> None:
            log.append(("add", obj))
            if fails is not None:
                raise fails

        def update(self, old: Thing, new: Thing, /) -> None:
            log.append(("update", old, new))

        def delete(self, obj: Thing, /) -> None:
            log.append(("delete", obj))

    return log, Told()


CHANGED = thing("a", 3)
FINAL = thing("a", 4)
DELTAS: list[tuple[Delta[Thing], list[object]]] = [
    (Put("a", None, A), [("add", A)]),
    (Put("a", A, CHANGED), [("update", A, CHANGED)]),
    (Drop("a", CHANGED, None), [("delete", CHANGED)]),
    (Drop("a", CHANGED, FINAL), [("update", CHANGED, FINAL), ("delete", FINAL)]),
]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("delta", "calls"), DELTAS)
def test_H6_each_change_is_told_in_the_words_of_an_index(
    delta: Delta[Thing], calls: list[object], at_once: bool
) -> None:
    """A deletion with a final state is an update first, by itself or as one of many changes."""
    indexes: Registrations[Thing] = Registrations()
    log, index = told()
    indexes.attach(index, ())
    if at_once:
        indexes.apply_all([delta], {})
    else:
        indexes.apply(delta)
    assert log == calls


async def test_many_changes_go_into_each_index_in_its_own_way() -> None:
    """One that can be is built anew from all objects and then takes that over; any other is told of each change."""
    indexes: Registrations[Thing] = Registrations()
    log, index = told()
    by_name: NameIndex[Thing] = NameIndex()
    indexes.attach(index, ())
    indexes.attach(by_name, ())
    gone: NameIndex[Thing] = NameIndex()
    indexes.attach(gone, ()).end()
    rebuilt = await indexes.rebuild([A, B])
    assert [registration.index for registration in rebuilt] == [by_name]
    assert len(by_name) == 0
    # Of the changes only what was built counts for it.
    indexes.apply_all([Put("a", None, A)], rebuilt)
    assert (len(by_name), len(gone)) == (2, 0)
    assert log == [("add", A)]


def test_of_many_changes_one_index_may_be_told_and_not_rebuilt() -> None:
    """One that was registered while the others were built."""
    indexes: Registrations[Thing] = Registrations()
    late: NameIndex[Thing] = NameIndex()
    indexes.attach(late, ())
    indexes.apply_all([Put("a", None, A)], {})
    assert len(late) == 1


async def test_an_index_may_be_taken_out_while_it_is_built() -> None:
    """It is left as it is, and nothing fails."""
    indexes: Registrations[Thing] = Registrations()
    index: NameIndex[Thing] = NameIndex()
    registration = indexes.attach(index, ())
    rebuilt = await indexes.rebuild([A])
    registration.end()
    indexes.apply_all([Put("a", None, A)], rebuilt)
    assert len(index) == 0


def test_an_index_that_fails_at_one_of_many_changes_is_taken_out() -> None:
    """The others take in all of them, and the first error is raised."""
    indexes: Registrations[Thing] = Registrations()
    first_log, first = told(fails=ZeroDivisionError)
    second_log, second = told(fails=KeyError)
    last_log, last = told()
    for index in (first, second, last):
        indexes.attach(index, ())
    with pytest.raises(ZeroDivisionError) as caught:
        indexes.apply_all([Put("a", None, A), Put("b", None, B)], {})
    assert caught.value.__notes__ == ["raised by the index Told, which was taken out of the store"]
    assert (len(first_log), len(second_log), len(last_log)) == (1, 1, 2)
    assert [one.index for one in indexes.registrations if one.index is not None] == [last]
    indexes.apply_all([Put("a", None, A)], {})


async def test_an_index_that_cannot_be_built_is_taken_out() -> None:
    """And what its key function has raised is raised."""
    indexes: Registrations[Thing] = Registrations()
    index: KeyIndex[Thing, int] = KeyIndex(lambda obj: 1 // (obj.value - 2))
    registration = indexes.attach(index, ())
    with pytest.raises(ZeroDivisionError) as caught:
        await indexes.rebuild([thing("c", 5, value=2)])
    assert caught.value.__notes__ == ["raised by the index KeyIndex, which was taken out of the store"]
    assert registration.index is None


@pytest.mark.parametrize("name", ["add", "update", "delete"])
def test_an_async_index_is_refused(name: str) -> None:
    """Whichever of the three it is."""

    async def later(*_: object) -> None:
        raise AssertionError

    _, index = told()
    setattr(type(index), name, later)
    with pytest.raises(ConfigError, match=f"Told.{name} is async"):
        Registrations[Thing]().attach(index, ())
