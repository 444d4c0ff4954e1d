"""Which collection is meant: its path on the server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trio_k8swatch._errors import ConfigError

__all__ = ["Collection"]

_CORE_VERSION: Final = re.compile(r"v\d+((alpha|beta)\d+)?")


@dataclass(frozen=True, slots=True)
class Collection:
    """All objects of one resource, in one namespace or in all."""

    api_version: str
    """`v1`, or `group/version`."""
    plural: str
    """As in the path: `pods`, `crontabs`."""
    namespace: str | None = None

    def __post_init__(self) -> None:
        for field, value in (("api_version", self.api_version), ("plural", self.plural)):
            if not value or value != value.strip("/ "):
                raise ConfigError(f"{field} is {value!r}: use for example resource('apps/v1', 'deployments')")
        if self.api_version.count("/") > 1 or "/" in self.plural:
            raise ConfigError(f"{self.api_version!r}, {self.plural!r}: use for example 'apps/v1', 'deployments'")
        if "/" not in self.api_version and not _CORE_VERSION.fullmatch(self.api_version):
            raise ConfigError(
                f"api_version is {self.api_version!r}: use v1, or a group with its version, as in apps/v1"
            )
        if self.namespace == "" or "/" in (self.namespace or ""):
            raise ConfigError(f"namespace is {self.namespace!r}: use a name, or None for all namespaces")

    @property
    def path(self) -> str:
        """The path on the server: `/api/v1/namespaces/default/pods`."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        scope = f"/namespaces/{self.namespace}" if self.namespace is not None else ""
        return f"{root}{self.api_version}{scope}/{self.plural}"

    def __str__(self) -> str:
        where = f"namespace {self.namespace}" if self.namespace is not None else "all namespaces"
        return f"{self.plural} ({self.api_version}) in {where}"
