"""One store over many namespaces, each with a list, a watch and a health of its own."""

from __future__ import annotations

from ._open import open_namespaces
from ._store import NamespacesStore

__all__ = ["NamespacesStore", "open_namespaces"]

# Shown to people where they import it from, in tracebacks, reprs and the reference.
open_namespaces.__module__ = NamespacesStore.__module__ = __name__
