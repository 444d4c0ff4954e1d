"""The local copy and everyone who looks at it or waits for it; nothing in here waits for the network."""

from __future__ import annotations

from .atomic_cache import Cache
from .checkpoints import in_slices
from .deltas import Delta, Drop, ObjectEvent, Put, RelistDeltas, WatchDeltas, checked_version
from .handlers import HandlerFuncs, refuse_awaitable
from .health import Health, State, Vitals
from .indexes.indexed_store import IndexedStore
from .indexes.key_indexes import FlatNameIndex, Index, KeyIndex, NameIndex, RebuildableIndex
from .mutation_detector import MutationDetector
from .notifier import Notifier
from .observed_store import Backstage
from .observer_protocol import Observer
from .outlasting import OutlastingStore
from .probe import Probe, probe
from .store import Gone, Met, Store
from .waiting.change_queues import Change, Policy
from .waiting.object_waiters import Listener
from .waiting.relist_tickets import RelistTicket
from .waiting.subscriptions import Subscription

__all__ = [
    "Backstage",
    "Cache",
    "Change",
    "Delta",
    "Drop",
    "FlatNameIndex",
    "Gone",
    "HandlerFuncs",
    "Health",
    "Index",
    "IndexedStore",
    "KeyIndex",
    "Listener",
    "Met",
    "MutationDetector",
    "NameIndex",
    "Notifier",
    "ObjectEvent",
    "Observer",
    "OutlastingStore",
    "Policy",
    "Probe",
    "Put",
    "RebuildableIndex",
    "RelistDeltas",
    "RelistTicket",
    "State",
    "Store",
    "Subscription",
    "Vitals",
    "WatchDeltas",
    "checked_version",
    "in_slices",
    "probe",
    "refuse_awaitable",
]
