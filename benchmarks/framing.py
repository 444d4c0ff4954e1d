"""How a server cuts a body into HTTP chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["FRAMINGS", "LAST_CHUNK", "frame"]

LAST_CHUNK = b"0\r\n\r\n"

# The API server's writer holds this much, and flushes it when full: in the middle of whatever is being written.
_API_SERVER_BUFFER_BYTES = 2048
# A common size for proxies, which copy through a buffer of their own and forget where chunks began.
_PROXY_BUFFER_BYTES = 32 * 1024


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def one_each(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A chunk for each piece: how the API server sends events that happen one by one."""
    return map(chunk, pieces)


def _cut(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        whole = len(waiting) - len(waiting) % size
        for start in range(0, whole, size):
            yield chunk(bytes(waiting[start : start + size]))
        del waiting[:whole]
    if waiting:
        yield chunk(bytes(waiting))


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks of 2,048 bytes, cut inside events: how the API server sends events that wait together."""
    return _cut(pieces, _API_SERVER_BUFFER_BYTES)


def proxied(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks of 32 KiB, cut inside events: what a proxy makes of it."""
    return _cut(pieces, _PROXY_BUFFER_BYTES)


def listed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """For the items of a list: the buffer is filled and flushed, the rest of a large item written past it."""
    held = b""
    for piece in pieces:
        if len(held) + len(piece) <= _API_SERVER_BUFFER_BYTES:
            held += piece
            continue
        cut = _API_SERVER_BUFFER_BYTES - len(held) if held else 0
        if held:
            yield chunk(held + piece[:cut])
        rest = piece[cut:]
        held = b"" if len(rest) > _API_SERVER_BUFFER_BYTES else rest
        if not held:
            yield chunk(rest)
    if held:
        yield chunk(held)


FRAMINGS = {"event": one_each, "packed": packed, "proxy": proxied, "list": listed}


def frame(name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, each with its size line, of a body written piece by piece; `LAST_CHUNK` is not among them."""
    return FRAMINGS[name](pieces)
