"""A list is all of its pages, as they were at one moment, or it is nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from ._errors import Expired, ProtocolError
from ._resource import ListOptions
from ._wire import Page

__all__ = ["list_pages"]

T = TypeVar("T")


async def list_pages(
    fetch: Callable[[ListOptions], Awaitable[Page[T]]],
    options: ListOptions,
    *,
    restart: Callable[[], object],
    take: Callable[[Page[T]], Awaitable[object]],
) -> str:
    """Hand every page of a list to `take`, in order; the list's resourceVersion, which is that of its first page.

    Where history runs out in between (410), `restart` is called: whatever was taken is void. The list then begins anew,
    in one piece, to which that cannot happen. The token that comes with the 410 is not used, because it would mix two
    moments in one list (F21). Raises what `fetch` raises.
    """
    page = await fetch(options)
    version = page.metadata.resource_version
    await take(page)
    token = page.metadata.continue_token
    while token:
        try:
            page = await fetch(options.next_page(token))
        except Expired:
            if options.page_size is None:
                raise
            restart()
            return await list_pages(fetch, replace(options, page_size=None), restart=restart, take=take)
        await take(page)
        if page.metadata.continue_token == token:
            raise ProtocolError("the server sends the same continue token again: this list has no end")
        token = page.metadata.continue_token
    return version
