"""The same store inside an asyncio program, in the thread of its loop.

`async with open_client() as client, open_watch(client.resource("v1", "pods")) as store: ...`

trio runs as a guest of the asyncio loop (`trio.lowlevel.start_guest_run`): no thread of its own, so handlers, conditions
and indexes are called in the loop's thread, one at a time, between two steps of asyncio's tasks. Plain calls of the store
are plain calls here, too. Whatever is awaited is awaited by asyncio tasks; cancelling one cancels what it waits for.
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
