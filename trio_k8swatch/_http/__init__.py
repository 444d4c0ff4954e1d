"""One request, one response: how an API server is asked."""

from __future__ import annotations

from .client import ApiClient, open_client
from .collection import Collection
from .requests import located
from .resource import EventStream, Resource
from .writes.verbs import Verbs
from .writes.write_options import Propagation

__all__ = ["ApiClient", "Collection", "EventStream", "Propagation", "Resource", "Verbs", "located", "open_client"]
