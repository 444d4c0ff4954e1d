"""The only place of a response that waits: it does the steps that others decided."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from .response_steps import Drop, Dropped, End, Freeze, Line, Send, Step, Wait, packed


class Source(Protocol):
    """Where the steps come from."""

    def ready(self) -> list[Step]:
        """What is due now; an empty list if nothing is."""
        ...

    def deadline(self) -> float:
        """When to ask again even if nobody pokes, on trio's clock; infinity for never."""
        ...

    def close(self) -> None:
        """Nobody will ask again."""
        ...


class Filter(Protocol):
    """One fault on one stream: steps in, steps out."""

    def lines(self, steps: list[Step]) -> list[Step]:
        """Change whole events, before they are packed into chunks."""
        ...

    def chunks(self, steps: list[Step]) -> list[Step]:
        """Change chunks, as they go to the wire."""
        ...

    def deadline(self) -> float:
        """When this fault wants to act although nothing is sent, on trio's clock; infinity for never."""
        ...


class _Whole:
    """A body that is known from the start."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def ready(self) -> list[Step]:
        steps: list[Step] = [*map(Send, self.pieces), End()]
        self.pieces = []
        return steps

    def deadline(self) -> float:
        return math.inf

    def close(self) -> None:
        self.pieces = []


class Body:
    """A response body: an asynchronous iterator of chunks.

    Reading is a checkpoint and may be cancelled at any time. `close` may be called at any time, any number of times,
    from outside trio too; a reader that waits then sees the end of the body.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._filters: Callable[[], Sequence[Filter]] = tuple
        self._on_close: Callable[[], None] | None = None
        self._on_failure: Callable[[Exception], None] | None = None
        self._steps: deque[Step] = deque()
        self._wake = trio.Event()
        self._interrupted = trio.Event()
        self._closed = False

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        """The next chunk. Raises `Dropped` where the connection breaks."""
        await trio.lowlevel.checkpoint()
        while not self._closed:
            if not self._steps:
                await self._collect_safely()
                continue
            match self._steps.popleft():
                case Send(data) | Line(data=data):
                    return data
                case Wait(seconds):
                    with trio.move_on_after(seconds):
                        await self._interrupted.wait()
                case Freeze():
                    await self._interrupted.wait()
                case Drop(how):
                    self.close()
                    raise Dropped(how)
                case End():
                    self.close()
        raise StopAsyncIteration

    def accompany(
        self,
        filters: Callable[[], Sequence[Filter]],
        *,
        on_close: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """Let the faults of the call work on it, and be notified when it closes or cannot continue. Before the first read."""
        self._filters = filters
        self._on_close = on_close
        self._on_failure = on_failure

    def content(self) -> bytes | None:
        """All of it, if it is known from the start and not read yet."""
        return b"".join(self._source.pieces) if isinstance(self._source, _Whole) else None

    @property
    def is_whole(self) -> bool:
        """Whether it is known from the start."""
        return isinstance(self._source, _Whole)

    def take_whole(self) -> list[bytes] | None:
        """All chunks at once; None where they come in their own time: a stream, or with a fault at work on it."""
        if not isinstance(self._source, _Whole) or self._steps or self._closed or self._filters():
            return None
        pieces, self._source.pieces = self._source.pieces, []
        return pieces

    def take_due(self) -> list[bytes]:
        """The chunks that are to be sent right after the one before, without anything in between."""
        due: list[bytes] = []
        while self._steps and isinstance(step := self._steps[0], Send) and not self._closed:
            due.append(step.data)
            self._steps.popleft()
        return due

    def poke(self) -> None:
        """Something may be due."""
        self._wake.set()

    def interrupt(self, step: Step) -> None:
        """Do this next, whatever was planned."""
        self._steps.clear()
        self._steps.append(step)
        self._stir()

    def close(self) -> None:
        """The reader has gone, or the body is complete."""
        if not self._closed:
            self._closed = True
            self._source.close()
            if self._on_close is not None:
                self._on_close()
            self._stir()

    def _stir(self) -> None:
        self._wake.set()
        self._interrupted.set()
        self._interrupted = trio.Event()

    async def _collect_safely(self) -> None:
        """What a source or a fault raises breaks this body off, and nothing else."""
        try:
            await self._collect()
        except Exception as error:
            if self._on_failure is None:
                raise
            self._on_failure(error)
            self._steps.append(Drop("eof"))

    async def _collect(self) -> None:
        self._wake = trio.Event()
        steps = self._source.ready()
        filters = self._filters()
        for one in filters:
            steps = one.lines(steps)
        steps = packed(steps)
        for one in filters:
            steps = one.chunks(steps)
        self._steps.extend(steps)
        if not steps:
            deadline = min((self._source.deadline(), *(one.deadline() for one in filters)))
            with trio.move_on_at(deadline):
                await self._wake.wait()


def whole(pieces: list[bytes]) -> Body:
    """A body of these chunks."""
    return Body(_Whole(pieces))
