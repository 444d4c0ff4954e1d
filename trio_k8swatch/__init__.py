"""An exact, live, indexed copy of Kubernetes objects inside a trio program.

For example, in an async function:

    async with open_client() as client:
        pods = client.resource("v1", "pods", namespace="default")
        async with open_watch(pods) as store:
            by_name = IndexedStore(store, NameIndex())
            pod = by_name.index.get("default", "web-0")
"""

from __future__ import annotations

import logging
from types import FunctionType
from typing import get_type_hints

from ._backoff_curves import Adaptive, Backoff, RetryPolicy, TimeRange
from ._config import InitMode, ListStrategy, WatchConfig
from ._errors import (
    AlreadyExists,
    ApiError,
    ConfigError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    K8sWatchError,
    NotFound,
    NotWatchable,
    ProtocolError,
    StaleError,
    Status,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
    WatchStopped,
)
from ._http import ApiClient, EventStream, Recorder, Resource, open_client
from ._list_options import ListOptions
from ._metrics import Metrics, MetricsConfig
from ._model import model
from ._object_meta import DynamicObject, ListMeta, ObjectMeta, OwnerReference, PartialObjectMetadata
from ._open import open_watch
from ._reflector import Accessors, Client
from ._store import (
    Change,
    FlatNameIndex,
    Gone,
    HandlerFuncs,
    Health,
    Index,
    IndexedStore,
    KeyIndex,
    Listener,
    Met,
    NameIndex,
    Policy,
    Probe,
    RebuildableIndex,
    RelistTicket,
    State,
    Store,
    probe,
)
from ._wire import Added, Bookmark, Deleted, Failure, Listing, Modified, WatchEvent

__all__ = [
    "Accessors",
    "Adaptive",
    "Added",
    "AlreadyExists",
    "ApiClient",
    "ApiError",
    "Backoff",
    "Bookmark",
    "Change",
    "Client",
    "ConfigError",
    "Conflict",
    "Deleted",
    "DynamicObject",
    "EventStream",
    "Expired",
    "Failure",
    "FlatNameIndex",
    "Forbidden",
    "Gone",
    "HandlerFuncs",
    "Health",
    "Index",
    "IndexedStore",
    "InitMode",
    "Invalid",
    "K8sWatchError",
    "KeyIndex",
    "ListMeta",
    "ListOptions",
    "ListStrategy",
    "Listener",
    "Listing",
    "Met",
    "Metrics",
    "MetricsConfig",
    "Modified",
    "NameIndex",
    "NotFound",
    "NotWatchable",
    "ObjectMeta",
    "OwnerReference",
    "PartialObjectMetadata",
    "Policy",
    "Probe",
    "ProtocolError",
    "RebuildableIndex",
    "Recorder",
    "RelistTicket",
    "Resource",
    "RetryPolicy",
    "StaleError",
    "State",
    "Status",
    "Store",
    "TimeRange",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unsupported",
    "WatchConfig",
    "WatchEvent",
    "WatchStopped",
    "model",
    "open_client",
    "open_watch",
    "probe",
]


# Programs that have not set up logging are not to be bothered with ours.
logging.getLogger(__name__).addHandler(logging.NullHandler())


# Shown to people where they import it from, in tracebacks, reprs and the reference.
def _own(names: list[str]) -> None:
    for name in names:
        public = globals()[name]
        if isinstance(public, type) and "__annotations__" in vars(public):
            # As strings they could no longer be resolved: they mean names of the module where they were written.
            public.__annotations__ = get_type_hints(public)
        if isinstance(public, (type, FunctionType)):
            public.__module__ = __name__


_own(__all__)
