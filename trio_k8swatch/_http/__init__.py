"""One request, one response: how an API server is asked."""

from __future__ import annotations

from .client import ApiClient, EventStream, Resource, open_client
from .requests import located

__all__ = ["ApiClient", "EventStream", "Resource", "located", "open_client"]
