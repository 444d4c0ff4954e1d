"""TLS on a connection, decrypted as far as it came with every read."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

import trio

from .tcp import READ_BYTES

__all__ = ["TlsStream"]

_PLAINTEXT_BYTES: Final = 16 * 1024
"""Of one TLS record at most (RFC 8446, 5.1). kube-apiserver writes records of 4 KiB, whatever it has to say."""


class TlsStream(trio.abc.Stream):
    """The client's side of TLS, used by one task at a time.

    As `trio.SSLStream(https_compatible=True)`, but one `receive_some` gives all that has come, not one record: with Go's small
    records a turn of the scheduler for each of them costs more than the list that is in them. Receiving may be cancelled, and
    nothing is lost. When sending was cancelled, even of TLS's own response to new keys, the connection cannot be used any more.
    """

    def __init__(
        self, transport_stream: trio.abc.Stream, context: ssl.SSLContext, *, server_hostname: str | None
    ) -> None:
        self.transport_stream = transport_stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._wants_more = True
        """Nothing can be decrypted of what is there."""
        self._ready = b""
        self._is_at_end = False
        self._failure: ssl.SSLError | None = None
        self._is_cut = False

    async def do_handshake(self) -> None:
        """Agree on keys. Raises BrokenResourceError, with the reason as its cause, if that fails."""
        await self._finish(self._tls.do_handshake)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        limit = max_bytes or READ_BYTES
        if self._ready or not self._wants_more:
            await trio.lowlevel.checkpoint()
        while not self._ready and not self._is_at_end:
            if self._failure is not None:
                raise trio.BrokenResourceError from self._failure
            if self._wants_more:
                await self._fill()
            self._ready = self._decrypted(limit)
            if self._outgoing.pending or self._is_cut:
                # What TLS itself has to answer: new keys, a closing alert.
                await self._flush()
        data = self._ready[:limit]
        self._ready = self._ready[limit:]
        return data

    def _decrypted(self, limit: int) -> bytes:
        """All that can be decrypted now, up to `limit` bytes. What ends it is noted for when that has been read."""
        parts: list[bytes] = []
        room = limit
        while room > 0:
            try:
                part = self._tls.read(min(room, _PLAINTEXT_BYTES))
            except ssl.SSLWantReadError:
                self._wants_more = True
                break
            except ssl.SSLEOFError:
                # Without goodbye, as in HTTPS. Whether something is missing is for HTTP to say.
                part = b""
            except ssl.SSLError as error:
                self._failure = error
                break
            if not part:
                self._is_at_end = True
                break
            parts.append(part)
            room -= len(part)
            if not self._incoming.pending and self._is_used_up():
                self._wants_more = True
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _is_used_up(self) -> bool:
        """With nothing incoming, whether the next read could only raise, which costs as much as decrypting a record.

        OpenSSL does not read ahead: a record that is whole is either incoming still, or decrypted already.
        """
        return not self._incoming.eof and not self._tls.pending()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._finish(lambda: data and self._tls.write(data))

    async def _finish(self, step: Callable[[], object]) -> None:
        """Do what may need data from the peer first, and send what it produces."""
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError as error:
                raise trio.BrokenResourceError from error
            else:
                break
        await self._flush()

    async def _fill(self) -> None:
        """Wait for more from below."""
        received = await self.transport_stream.receive_some(READ_BYTES)
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()
        self._wants_more = False

    async def _flush(self) -> None:
        """Send what TLS has to say."""
        if self._is_cut:
            raise trio.BrokenResourceError("sending was cancelled in the middle of a TLS record")
        if self._outgoing.pending:
            self._is_cut = True
            await self.transport_stream.send_all(self._outgoing.read())
            self._is_cut = False

    async def wait_send_all_might_not_block(self) -> None:
        await self.transport_stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close, without goodbye, as in HTTPS."""
        await self.transport_stream.aclose()

    @property
    def ssl_object(self) -> ssl.SSLObject:
        """What Python knows of the connection: its context, what was agreed on, the other side's certificate."""
        return self._tls
