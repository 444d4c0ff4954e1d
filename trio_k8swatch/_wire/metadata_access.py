"""How the metadata of objects of a type is read, whatever its attributes are called."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._object_meta import MetadataOf, metadata_of

__all__ = ["fields_of", "is_mapping", "metadata_accessor"]

_NEEDED: Final = {"name": "name", "namespace": "namespace", "uid": "uid", "resource_version": "resourceVersion"}
"""What a watch cannot do without, by the names in Python and in JSON."""


class _Facts(NamedTuple):
    """The metadata of an object whose type has other names for it, or may leave parts of it out."""

    name: str
    namespace: str
    uid: str
    resource_version: str


def metadata_accessor(type_: Any) -> MetadataOf:
    """How to get at the metadata of an object of `type_`.

    Attributes may be called as in JSON (`resourceVersion`) and may be optional, as in generated models. Raises ConfigError,
    naming what is missing, for a type without the metadata that a watch needs.
    """
    name = getattr(type_, "__name__", repr(type_))
    advice = "declare `metadata: ObjectMeta` (from trio_k8swatch), or use DynamicObject or dict"
    fields = fields_of(type_)
    if "metadata" not in fields or fields["metadata"].name != "metadata":
        raise ConfigError(f"type={name} has no field `metadata`: {advice}")
    if is_mapping(type_):
        return metadata_of
    inner, is_optional = _without_none(fields["metadata"].type)
    found = {field.encode_name: field for field in getattr(inner, "fields", ())}
    missing = [f"{ours} (in JSON: {theirs})" for ours, theirs in _NEEDED.items() if theirs not in found]
    if missing:
        raise ConfigError(f"the metadata of type={name} lacks {', '.join(missing)}: {advice}")
    attributes = [found[theirs].name for theirs in _NEEDED.values()]
    is_plain = attributes == [*_NEEDED] and not any(_without_none(found[theirs].type)[1] for theirs in _NEEDED.values())
    return metadata_of if is_plain and not is_optional else _reader(attrgetter(*attributes))


def _reader(facts: Callable[[Any], tuple[str | None, ...]]) -> MetadataOf:
    empty = _Facts("", "", "", "")

    def read(obj: Any) -> _Facts:
        metadata = obj.metadata
        return empty if metadata is None else _Facts(*(fact or "" for fact in facts(metadata)))

    return read


def _without_none(type_: Any) -> tuple[Any, bool]:
    """A type without its None, and whether it had one."""
    if not isinstance(type_, msgspec.inspect.UnionType):
        return type_, False
    others = [one for one in type_.types if not isinstance(one, msgspec.inspect.NoneType)]
    return others[0] if len(others) == 1 else type_, len(others) < len(type_.types)


def is_mapping(type_: Any) -> bool:
    """Whether objects of `type_` are dicts."""
    return isinstance(msgspec.inspect.type_info(type_), (msgspec.inspect.DictType, msgspec.inspect.TypedDictType))


def fields_of(type_: Any) -> dict[str, msgspec.inspect.Field]:
    """The fields of a struct, dataclass or attrs class by their names in JSON; empty for anything else."""
    return {field.encode_name: field for field in getattr(msgspec.inspect.type_info(type_), "fields", ())}
