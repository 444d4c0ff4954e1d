"""List, watch, and again: what keeps a cache up to date."""

from __future__ import annotations

from .heartbeat import deadline_step
from .list_watcher import Accessors, Client, Events, ForeignSource, Source
from .reflector import Watcher

__all__ = ["Accessors", "Client", "Events", "ForeignSource", "Source", "Watcher", "deadline_step"]
