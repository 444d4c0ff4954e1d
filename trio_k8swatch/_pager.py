"""A list is read to its last page, at one version, or it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import trio
from msgspec.structs import replace

from ._errors import Expired, ProtocolError
from ._list_options import ListOptions
from ._object_meta import ListMeta

__all__ = ["list_pages", "take_in_parts"]

P = TypeVar("P")


async def list_pages(
    page: Callable[[ListOptions], Awaitable[ListMeta]], options: ListOptions, *, restart: Callable[[], object]
) -> str:
    """Read every page of a list by `page`, in order; the list's resourceVersion, which is that of its first page.

    Where history runs out in between (410), `restart` is called: whatever was read is void. The list then begins anew,
    in one piece, to which that cannot happen. The token that comes with the 410 is not used, because it would mix two
    moments in one list (F21). Raises what `page` raises.
    """
    metadata = await page(options)
    version, token = metadata.resource_version, metadata.continue_token
    while token:
        try:
            metadata = await page(options.next_page(token))
        except Expired:
            if options.page_size is None:
                raise
            restart()
            return await list_pages(page, replace(options, page_size=None), restart=restart)
        if metadata.continue_token == token:
            raise ProtocolError("the server sends the same continue token again: this list has no end")
        token = metadata.continue_token
    return version


async def take_in_parts(parts: Iterable[P], take: Callable[[P], object]) -> None:
    """Hand each part to `take`, with a checkpoint between two."""
    for number, part in enumerate(parts):
        if number:
            await trio.lowlevel.checkpoint()
        take(part)
