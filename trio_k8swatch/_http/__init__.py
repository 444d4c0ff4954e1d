"""One request, one response: how an API server is asked."""

from __future__ import annotations

from .client import ApiClient, open_client
from .collection import Collection
from .requests import located
from .resource import EventStream, Resource
from .writes.verbs import Verbs

__all__ = ["ApiClient", "Collection", "EventStream", "Resource", "Verbs", "located", "open_client"]
