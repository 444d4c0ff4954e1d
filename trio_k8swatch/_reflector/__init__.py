"""List, watch, and again: what keeps a cache up to date."""

from __future__ import annotations

from .list_watcher import Accessors, Client, Events, ForeignListWatcher, ListWatcher
from .reflector import Reflector

__all__ = ["Accessors", "Client", "Events", "ForeignListWatcher", "ListWatcher", "Reflector"]
