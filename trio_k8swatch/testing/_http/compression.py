"""Large answers are gzipped for those who take it."""

from __future__ import annotations

import gzip
from typing import Final

from .messages import Request, Response, answer

# Below this the server does not think it worth the while.
THRESHOLD_BYTES: Final = 128 * 1024


def compressed(request: Request, writes: list[bytes], content_type: str, *, status: int = 200) -> Response:
    """An answer made of `writes`, gzipped if it is large and the client accepts it. Watches never are."""
    # What has a weight is another word to the server.
    if "gzip" not in map(str.strip, request.headers.get("accept-encoding", "").split(",")):
        return answer(status, content_type, writes)
    # To see whether it is large, the server holds it back, and then writes it at once.
    data = b"".join(writes)
    if len(data) <= THRESHOLD_BYTES:
        return answer(status, content_type, [data])
    data = gzip.compress(data, compresslevel=1, mtime=0)
    # The compressor writes in small pieces, so they are cut as live JSON is.
    pieces = [data[at : at + 512] for at in range(0, len(data), 512)]
    return answer(status, content_type, pieces, (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")))
