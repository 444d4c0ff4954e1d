"""Views of a store by other keys, kept exact with every change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, KeysView
from typing import Any, Generic, Protocol, Self, TypeGuard, TypeVar, cast, runtime_checkable

from trio_k8swatch._object_meta import Metadata, MetadataOf, key_of, metadata_of
from trio_k8swatch._store.handlers import refuse_awaitable

__all__ = ["FlatNameIndex", "Index", "KeyIndex", "NameIndex", "RebuildableIndex", "can_be_rebuilt"]

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
K = TypeVar("K", bound=Hashable)


class Index(Protocol[T_contra]):
    """What `IndexedStore` keeps up to date.

    It is called in the order of the changes, inside the commit and before any handler. They must not raise: an
    index that raises is taken out of the store, and its error ends the watch. An index may be selective: not every object
    has to be in it.
    """

    def add(self, obj: T_contra, /) -> object:
        """`obj` was added."""
        ...

    def update(self, old: T_contra, new: T_contra, /) -> object:
        """`old` was replaced by `new`."""
        ...

    def delete(self, obj: T_contra, /) -> object:
        """`obj` was deleted."""
        ...


@runtime_checkable
class RebuildableIndex(Index[T_contra], Protocol[T_contra]):
    """An index that can be built anew out of sight.

    A relist with thousands of changes then goes into it without holding up the trio loop; any other index takes them one
    by one, at once. The indexes of this library can all do it.
    """

    def fresh(self) -> Self:
        """An empty index of the same kind."""
        ...

    def adopt(self, fresh: Self, /) -> object:
        """Take over the contents of `fresh`, at once."""
        ...


def can_be_rebuilt(index: object) -> TypeGuard[RebuildableIndex[Any]]:
    """Whether `index` is one that can be built anew. A subclass of ours is not, unless it says for itself how."""
    kind: type[object] = type(index)
    return isinstance(index, RebuildableIndex) and (
        kind in {NameIndex, FlatNameIndex, KeyIndex} or "fresh" in vars(kind)
    )


class _NamedIndex(ABC, Generic[T, K]):
    """One object to a name. Where two hold the same name, the later one shows; the other shows again when that is gone.

    That happens between namespaces (`FlatNameIndex`), or for a moment when a proxy reorders events. An object is only ever
    replaced or removed by itself (B10).
    """

    def __init__(self, *, metadata: MetadataOf = metadata_of) -> None:
        self._metadata = metadata
        self._shown: dict[K, T] = {}
        # By uid, so that a name which thousands share costs no more than any other.
        self._hidden: dict[K, dict[str, T]] = {}

    @abstractmethod
    def _name(self, metadata: Metadata) -> K:
        """What the object is called here."""

    def add(self, obj: T, /) -> None:
        """See `Index`."""
        name = self._name(self._metadata(obj))
        shown = self._shown.setdefault(name, obj)
        if shown is not obj:
            self._hidden.setdefault(name, {})[self._who(shown)] = shown
            self._shown[name] = obj

    def update(self, old: T, new: T, /) -> None:
        """See `Index`."""
        name = self._name(self._metadata(new))
        if self._shown.get(name) is old:
            self._shown[name] = new
        elif name == self._name(self._metadata(old)):
            hidden = self._hidden.get(name, {})
            if self._who(new) in hidden:
                hidden[self._who(new)] = new
        else:
            self.delete(old)
            self.add(new)

    def delete(self, obj: T, /) -> None:
        """See `Index`."""
        name = self._name(self._metadata(obj))
        hidden = self._hidden.get(name, {})
        if self._shown.get(name) is not obj:
            hidden.pop(self._who(obj), None)
        elif hidden:
            _, self._shown[name] = hidden.popitem()
        else:
            del self._shown[name]
        if not hidden:
            self._hidden.pop(name, None)

    def fresh(self) -> Self:
        """See `RebuildableIndex`."""
        return type(self)(metadata=self._metadata)

    def adopt(self, fresh: Self, /) -> None:
        """See `RebuildableIndex`."""
        self._shown, self._hidden = fresh._shown, fresh._hidden

    def _who(self, obj: T) -> str:
        return key_of(self._metadata(obj))

    def __len__(self) -> int:
        return len(self._shown)


class NameIndex(_NamedIndex[T, tuple[str, str]]):
    """Objects by namespace and name: the key that people and most references use."""

    def get(self, namespace: str, name: str) -> T | None:
        """The object of that name, or None. For objects of the whole cluster `namespace` is empty."""
        return self._shown.get((namespace, name))

    def _name(self, metadata: Metadata) -> tuple[str, str]:
        return metadata.namespace, metadata.name


class FlatNameIndex(_NamedIndex[T, str]):
    """Objects by name alone, for objects of the whole cluster, or where names are known not to repeat.

    Where two namespaces use one name, the object that came later is found; once it is gone, the other is.
    """

    def get(self, name: str) -> T | None:
        """The object of that name, or None."""
        return self._shown.get(name)

    def _name(self, metadata: Metadata) -> str:
        return metadata.name


class KeyIndex(Generic[T, K]):
    """Objects by whatever `key_function` makes of them: many objects to a key, and many keys to an object.

    The function returns one key, or None for an object that has no place here, or a list, a set or an iterator of keys. A
    tuple is one key. It is called once for each state of an object and its answer is remembered, so an object is found under
    the keys that it was filed under, even if the function would now say otherwise.
    """

    def __init__(
        self,
        key_function: Callable[[T], list[K] | set[K] | frozenset[K] | Iterator[K] | K | None],
        *,
        metadata: MetadataOf = metadata_of,
    ) -> None:
        self._key_function = key_function
        self._metadata = metadata
        self._objects: dict[K, dict[str, T]] = {}
        self._keys: dict[str, tuple[K, ...]] = {}

    def get(self, key: K) -> tuple[T, ...]:
        """All objects under `key`, in the order in which they came to it; empty if there are none."""
        return tuple(self._objects.get(key, {}).values())

    def keys(self) -> KeysView[K]:
        """The keys under which there is an object, as a live view."""
        return self._objects.keys()

    def add(self, obj: T, /) -> None:
        """See `Index`."""
        self._file(key_of(self._metadata(obj)), obj)

    def update(self, old: T, new: T, /) -> None:
        """See `Index`."""
        self._file(key_of(self._metadata(new)), new)

    def delete(self, obj: T, /) -> None:
        """See `Index`."""
        who = key_of(self._metadata(obj))
        self._forget(who, self._keys.pop(who, ()))

    def fresh(self) -> Self:
        """See `RebuildableIndex`."""
        return type(self)(self._key_function, metadata=self._metadata)

    def adopt(self, fresh: Self, /) -> None:
        """See `RebuildableIndex`."""
        self._objects, self._keys = fresh._objects, fresh._keys

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[K]:
        return iter(self._objects)

    def _file(self, who: str, obj: T) -> None:
        # Asked before anything is changed, and hashed here: a key function that fails leaves the index as it was.
        keys = tuple(dict.fromkeys(self._keys_for(obj)))
        before = self._keys.get(who, ())
        for key in keys:
            self._objects.setdefault(key, {})[who] = obj
        if before != keys:
            self._forget(who, tuple(key for key in before if key not in keys))
        if keys:
            self._keys[who] = keys
        else:
            self._keys.pop(who, None)

    def _keys_for(self, obj: T) -> tuple[K, ...]:
        made = self._key_function(obj)
        if made is None:
            return ()
        if isinstance(made, (list, set, frozenset, Iterator)):
            return tuple(cast("Iterable[K]", made))
        refuse_awaitable("the key function of a KeyIndex", made)
        return (made,)

    def _forget(self, who: str, keys: tuple[K, ...]) -> None:
        for key in keys:
            held = self._objects.get(key, {})
            held.pop(who, None)
            if not held:
                self._objects.pop(key, None)
