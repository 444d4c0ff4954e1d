"""Fields that are cut out of objects before anything is kept of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec

from trio_k8swatch._errors import ConfigError

__all__ = ["DroppedFields"]

_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)*")

_NEEDED: Final = frozenset(
    {
        "apiVersion",
        "kind",
        "metadata",
        *(f"metadata.{name}" for name in ("name", "namespace", "uid", "resourceVersion")),
    }
)
"""What a watch cannot do without."""

_MANAGED_FIELDS: Final = "metadata.managedFields"
_NAME: Final = b'"managedFields"'
_KEY: Final = _NAME + b":"
"""As every real server writes it; with white space before the colon it is found by reading the object."""

_Tree = dict[str, "_Tree"]


class _ManagedMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    managed_fields: msgspec.Raw = msgspec.Raw()


class _Managed(msgspec.Struct, frozen=True, gc=False):
    metadata: _ManagedMeta = _ManagedMeta()


class DroppedFields:
    """Paths such as `metadata.managedFields`, and how to be rid of them. Raises ConfigError for a path that cannot go."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(dict.fromkeys([paths] if isinstance(paths, str) else paths))
        self._tree: _Tree = {}
        for path in self.paths:
            if not _PATH.fullmatch(path):
                raise ConfigError(f"drop={path!r}: use field names joined by dots, as in {_MANAGED_FIELDS!r}")
            if path in _NEEDED:
                raise ConfigError(f"drop={path!r}: a watch cannot do without it")
            here = self._tree
            for name in path.split("."):
                here = here.setdefault(name, {})
        self._only_managed_fields = self.paths == (_MANAGED_FIELDS,)

    def __bool__(self) -> bool:
        return bool(self.paths)

    @property
    def media_type_parameter(self) -> str:
        """What asks the server to leave them out (KEP-5958); it knows of one path. Servers that do not know it ignore it."""
        return f";drop={_MANAGED_FIELDS}" if _MANAGED_FIELDS in self.paths else ""

    def cut(self, raw: bytes) -> bytes:
        """The JSON object in `raw` without these fields; everything else in it stays as it was written.

        Raises one of msgspec's errors for what is no JSON object.
        """
        if self._only_managed_fields:
            occurrences = raw.count(_NAME)
            if not occurrences:
                return raw
            if occurrences == 1 and _KEY in raw and (cut := _without_managed_fields(raw)) is not None:
                return cut
        return _without(raw, self._tree)

    def remove(self, obj: object) -> None:
        """Remove these fields from an object that was decoded into dicts."""
        _remove(obj, self._tree)


def _without_managed_fields(raw: bytes) -> bytes | None:
    """The usual case by two slices. A key with its colon cannot stand inside a string: its quote would be escaped."""
    try:
        value = bytes(msgspec.json.decode(raw, type=_Managed).metadata.managed_fields)
    except msgspec.ValidationError:
        return None
    begin = raw.index(_KEY)
    end = begin + len(_KEY) + len(value)
    if not value or raw[begin + len(_KEY) : end] != value:
        return None
    if raw[end : end + 1] == b",":
        end += 1
    elif raw[begin - 1 : begin] == b",":
        begin -= 1
    return raw[:begin] + raw[end:]


def _without(raw: bytes | msgspec.Raw, tree: _Tree) -> bytes:
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    for name, below in tree.items():
        value = fields.get(name)
        if value is None:
            continue
        if not below:
            del fields[name]
        elif bytes(value).lstrip().startswith(b"{"):
            fields[name] = msgspec.Raw(_without(value, below))
    return msgspec.json.encode(fields)


def _remove(obj: object, tree: _Tree) -> None:
    if not isinstance(obj, Mapping):
        return
    fields = cast("dict[str, Any]", obj)
    for name, below in tree.items():
        if not below:
            fields.pop(name, None)
        elif name in fields:
            _remove(fields[name], below)
