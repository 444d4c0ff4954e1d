"""What a response does, step by step, before anybody does it.

A stream is decided as a list of steps. Faults are functions from steps to steps; only `response_player` waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

# net/http collects this much before it starts a chunk, so events that wait together are cut here, in their middle.
CHUNK_BYTES: Final = 2048

Ending: TypeAlias = Literal["refused", "reset", "eof", "tls"]


class Dropped(Exception):
    """The connection breaks here: `refused` before it stood, `reset` by RST, `eof` without the end of the message.

    `tls`: the handshake failed.
    """

    def __init__(self, how: Ending) -> None:
        super().__init__(how)
        self.how: Ending = how


@dataclass(frozen=True, slots=True)
class Line:
    """One whole watch event, newline included; not yet packed into chunks."""

    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """One chunk."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is sent for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks."""

    how: Ending


@dataclass(frozen=True, slots=True)
class End:
    """The message ends as it should."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing is ever sent again, and the connection stays."""


Step: TypeAlias = Line | Send | Wait | Drop | End | Freeze


def packed(steps: Iterable[Step]) -> list[Step]:
    """The same steps with every run of lines packed into chunks."""
    result: list[Step] = []
    waiting: list[bytes] = []
    for step in steps:
        if isinstance(step, Line):
            waiting.append(step.data)
            continue
        result += map(Send, chunks(waiting))
        waiting = []
        result.append(step)
    result += map(Send, chunks(waiting))
    return result


def chunks(writes: Iterable[bytes]) -> list[bytes]:
    """The chunks that Go's buffered writer makes of `writes` when it is flushed after the last.

    A write that does not fit fills the buffer to the brim and is cut there; one that finds the buffer empty and is
    larger than it goes out whole.
    """
    result: list[bytes] = []
    buffer = b""
    for data in writes:
        rest = data
        while len(buffer) + len(rest) > CHUNK_BYTES:
            room = CHUNK_BYTES - len(buffer)
            if buffer:
                result.append(buffer + rest[:room])
                buffer, rest = b"", rest[room:]
            else:
                result.append(rest)
                rest = b""
        buffer += rest
    return [*result, buffer] if buffer else result
