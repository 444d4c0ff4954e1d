"""A fake API server, for tests of programs that talk to one.

Loaded on first use: pytest imports this package at every start, for the sake of its plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ._http.statuses import Refused
    from ._server import FakeApiServer
    from .faults import Fault, Faults

__all__ = ["FakeApiServer", "Fault", "Faults", "Refused"]

_HOMES: Final = {"FakeApiServer": "_server", "Fault": "faults", "Faults": "faults", "Refused": "_http.statuses"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
