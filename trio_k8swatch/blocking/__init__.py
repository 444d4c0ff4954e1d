"""The same store for programs that are not async.

`with open_client() as client, open_watch(client.resource("v1", "pods")) as store: ...`

The watch runs in a thread of its own. Handlers, conditions, key functions and indexes are called there, one at a time:
keep them quick, and share with them only what is safe to share. All that waits can be interrupted by Ctrl-C, and all
may be called from any number of threads.
"""

from __future__ import annotations

from ._client import ApiClient, Resource, open_client
from ._open import open_watch
from ._recorder import Recorder
from ._store import IndexedStore, Store
from ._waits import Incoming, Listener, RelistTicket

__all__ = [
    "ApiClient",
    "Incoming",
    "IndexedStore",
    "Listener",
    "Recorder",
    "RelistTicket",
    "Resource",
    "Store",
    "open_client",
    "open_watch",
]
