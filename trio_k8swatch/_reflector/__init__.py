"""List, watch, and again: what keeps a cache up to date."""

from __future__ import annotations

from .list_watcher import (
    Accessors,
    Client,
    Events,
    ForeignListWatcher,
    Gated,
    ListWatcher,
    Renewable,
    WrappedListWatcher,
)
from .reflector import Reflector
from .transforming import TransformingListWatcher

__all__ = [
    "Accessors",
    "Client",
    "Events",
    "ForeignListWatcher",
    "Gated",
    "ListWatcher",
    "Reflector",
    "Renewable",
    "TransformingListWatcher",
    "WrappedListWatcher",
]
