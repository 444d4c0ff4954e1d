"""Which collection is meant: its path on the server."""

from __future__ import annotations

import msgspec

from .path_segments import checked_group_version, checked_namespace, checked_plural

__all__ = ["Collection"]


class Collection(msgspec.Struct, frozen=True):
    """All objects of one resource, in one namespace or in all."""

    api_version: str
    """`v1`, or `group/version`."""
    plural: str
    """As in the path: `pods`, `crontabs`."""
    namespace: str | None = None

    def __post_init__(self) -> None:
        checked_group_version(self.api_version)
        checked_plural(self.plural)
        if self.namespace is not None:
            checked_namespace(self.namespace)

    @property
    def path(self) -> str:
        """The path on the server: `/api/v1/namespaces/default/pods`."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        scope = f"/namespaces/{self.namespace}" if self.namespace is not None else ""
        return f"{root}{self.api_version}{scope}/{self.plural}"

    def __str__(self) -> str:
        where = f"namespace {self.namespace}" if self.namespace is not None else "all namespaces"
        return f"{self.plural} ({self.api_version}) in {where}"
