"""The indexes of a copy: told of everything while they are registered, and of nothing after that."""

from __future__ import annotations

import pytest
from core_helpers import Thing, thing

from trio_k8swatch import FlatNameIndex, NameIndex
from trio_k8swatch._store.deltas import Put
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
