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
_Tree = dict[str, "_Tree"]


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
        self.only_managed_fields = self.paths == (_MANAGED_FIELDS,)
        """Whether that is all, which is the usual case, and has a way of its own (`managed_fields.read_and_cut`)."""

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
        return _without(raw, self._tree)

    def remove(self, obj: object) -> None:
        """Remove these fields from an object that was decoded into dicts."""
        _remove(obj, self._tree)


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
