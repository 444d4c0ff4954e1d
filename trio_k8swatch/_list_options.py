"""What to ask for in a list or a watch, as query parameters."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ._errors import ConfigError

__all__ = ["ListOptions"]


class ListOptions(msgspec.Struct, frozen=True):
    """What to ask for; `meta/v1.ListOptions` in Python names.

    Users of `open_watch` set the selectors and `page_size`; the rest belongs to the watch, which refuses it. Used with
    `Resource.list` and `Resource.watch`, everything here goes to the server as it is.
    """

    label_selector: str | None = None
    field_selector: str | None = None
    page_size: int | None = 1000
    """Objects in one page of a list; None asks for all at once."""
    resource_version: str | None = None
    resource_version_match: str | None = None
    """`NotOlderThan` or `Exact`."""
    timeout_seconds: int | None = None
    """After how many seconds the server ends a watch, or gives up a list."""
    shard_selector: str | None = None
    """KEP-5866, for example `shardRange(object.metadata.uid, '0x0', '0x8000000000000000')`; alpha in Kubernetes 1.36."""
    continue_token: str | None = None
    """Where the page begins, from the page before."""
    allow_watch_bookmarks: bool = True
    send_initial_events: bool = False
    """Of a watch: begin with all present objects (KEP-3157)."""

    def __post_init__(self) -> None:
        if self.page_size is not None and self.page_size < 1:
            raise ConfigError(f"page_size is {self.page_size}: use a positive number, or None for all at once")
        if self.timeout_seconds is not None and self.timeout_seconds < 0:
            raise ConfigError(f"timeout_seconds is {self.timeout_seconds}: it cannot be negative")

    def next_page(self, token: str) -> ListOptions:
        """The same list, from `token` on. A continued list takes its version from the token and refuses another."""
        return replace(self, continue_token=token, resource_version=None, resource_version_match=None)

    def list_query(self) -> dict[str, str]:
        """Query parameters of a list request."""
        query = self._common()
        if self.page_size is not None:
            query["limit"] = str(self.page_size)
        if self.continue_token:
            query["continue"] = self.continue_token
        return query

    def watch_query(self) -> dict[str, str]:
        """Query parameters of a watch request."""
        query = {"watch": "true", **self._common()}
        if self.allow_watch_bookmarks:
            query["allowWatchBookmarks"] = "true"
        if self.send_initial_events:
            query["sendInitialEvents"] = "true"
        return query

    def _common(self) -> dict[str, str]:
        fields = {
            "labelSelector": self.label_selector,
            "fieldSelector": self.field_selector,
            "resourceVersion": self.resource_version,
            "resourceVersionMatch": self.resource_version_match,
            "timeoutSeconds": None if self.timeout_seconds is None else str(self.timeout_seconds),
            "shardSelector": self.shard_selector,
        }
        return {name: value for name, value in fields.items() if value is not None}
