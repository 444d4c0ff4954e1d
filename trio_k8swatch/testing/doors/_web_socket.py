"""WebSocket (RFC 6455) as far as a watch needs it: the server's frames, and what a client may say."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from trio_k8swatch.testing._http.messages import Headers, Request

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
# The code of an end that was meant.
NORMAL: Final = (1000).to_bytes(2, "big")
_PROTOCOL_ERROR: Final = (1002).to_bytes(2, "big")
# A client of a watch has nothing to say but pings and goodbye, which are at most so long.
MAX_CONTROL_BYTES: Final = 125
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accepted(request: Request) -> Headers | None:
    """The headers of the 101 that answers a handshake; None for a request that is none."""
    key = request.headers.get("sec-websocket-key")
    if request.method != "GET" or key is None or request.headers.get("sec-websocket-version") != "13":
        return None
    proof = hashlib.sha1(f"{key}{_GUID}".encode("latin-1"), usedforsecurity=False).digest()
    headers = (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", base64.b64encode(proof).decode()),
    )
    protocol = request.headers.get("sec-websocket-protocol", "")
    return headers if not protocol or "," in protocol else (*headers, ("Sec-WebSocket-Protocol", protocol))


def frame(kind: int, payload: bytes) -> bytes:
    """One whole frame of the server's, which are not masked."""
    size = len(payload)
    if size <= MAX_CONTROL_BYTES:
        return bytes((0x80 | kind, size)) + payload
    if size < 1 << 16:
        return bytes((0x80 | kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | kind, 127)) + size.to_bytes(8, "big") + payload


class Lines:
    """Events out of the chunks of a watch: each line is a message of its own, wherever the chunks were cut."""

    def __init__(self) -> None:
        self._rest = b""

    def frames(self, chunk: bytes) -> bytes:
        """The frames of the lines that are complete now."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return b"".join([frame(TEXT, line + b"\n") for line in lines])


class ClientFrames:
    """What a client says after the handshake."""

    def __init__(self) -> None:
        self._buffer = b""

    def answers(self, data: bytes) -> tuple[bytes, bool]:
        """What to answer, and whether that is the end. Data is ignored; what breaks the protocol ends it."""
        self._buffer += data
        answer = b""
        while len(self._buffer) >= 6:
            kind, size = self._buffer[0] & 0x0F, self._buffer[1] & 0x7F
            if size > MAX_CONTROL_BYTES or not self._buffer[1] & 0x80:
                return answer + frame(CLOSE, _PROTOCOL_ERROR), True
            if len(self._buffer) < 6 + size:
                break
            mask, masked = self._buffer[2:6], self._buffer[6 : 6 + size]
            self._buffer = self._buffer[6 + size :]
            payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
            if kind == CLOSE:
                return answer + frame(CLOSE, payload[:2]), True
            if kind == PING:
                answer += frame(PONG, payload)
        return answer, False
