"""The door for respx: the server behind a mocked base URL."""

from __future__ import annotations

from typing import Any, Protocol

import httpx

from ._transport import Handle, exchange


class Mountable(Protocol):
    """What is needed of a respx router or `respx_mock`."""

    def route(self, *patterns: Any, name: str | None = None, **lookups: Any) -> Any:
        """A route for requests that match."""
        ...


def mount(handle: Handle, router: Mountable, base_url: str | None) -> None:
    """Answer all requests below `base_url`; all that the router sees, if there is none."""
    url = httpx.URL(base_url or "")
    prefix = url.path.rstrip("/")

    async def answered(request: httpx.Request) -> httpx.Response:
        return await exchange(handle, request, prefix)

    if base_url is None:
        router.route().mock(side_effect=answered)
        return
    lookups: dict[str, Any] = {"scheme": url.scheme, "host": url.host} | ({"port": url.port} if url.port else {})
    router.route(**lookups, path__startswith=f"{prefix}/").mock(side_effect=answered)
