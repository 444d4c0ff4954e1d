"""A byte stream cut into lines."""

from typing import Final, NamedTuple

from trio_k8swatch._errors import ProtocolError

__all__ = ["MAX_LINE_BYTES", "LineSplitter", "Lines"]

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""etcd refuses objects above 1.5 MiB and aggregated servers rarely go far beyond; a longer line is a broken stream."""


class Lines(NamedTuple):
    """Whole lines: the part of `buffer` from `begin` to `stop`. Nothing is copied to cut them out."""

    buffer: bytes
    begin: int
    stop: int


class LineSplitter:
    """Cuts a byte stream at newlines, and nowhere else.

    Text readers also cut at U+0085 and its like, which a JSON string may hold as they are. An unfinished line at the end of
    a stream is forgotten on purpose: its version was not reached, so the next round receives it again.
    """

    def __init__(self, limit_bytes: int = MAX_LINE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._begun = bytearray()

    def feed(self, chunk: bytes) -> list[Lines]:
        """The lines that are complete with `chunk`; blank ones may be among them.

        Raises `ProtocolError` for a line over the limit, after the lines before it were returned.
        """
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        if len(self._begun) > self._limit_bytes:
            raise ProtocolError(f"a line of the watch is over {self._limit_bytes} bytes, and no end of it in sight")
        if first < 0:
            self._begun += chunk
            return []
        whole: list[Lines] = []
        begin = 0
        if self._begun:
            self._begun += chunk[:first]
            whole.append(Lines(bytes(self._begun), 0, len(self._begun)))
            begin = first + 1
        self._begun = bytearray(chunk[last + 1 :])
        if begin <= last:
            whole.append(Lines(chunk, begin, last + 1))
        return whole
