"""Faults of the connection: no answer, half an answer, silence."""

from __future__ import annotations

import math
from typing import Unpack

from trio_k8swatch.testing._http.response_steps import Drop, End, Ending, Freeze, Line, Send, Step, Wait

from ._base import FaultBase
from ._fault import Fault, WhenOptions
from ._filters import AfterEvents, AfterSeconds, CutBody, EachChunk, EachLine, OnStream
from ._responses import Late, NoAnswer


class ConnectionFaults(FaultBase):
    """What may happen to bytes on their way."""

    def refuse(self, **when: Unpack[WhenOptions]) -> Fault:
        """Connections are refused, until removed. The socket door resets them: it cannot stop listening."""
        return self._lasting("refuse", NoAnswer("refused"), "any", when)

    def reset(self, **when: Unpack[WhenOptions]) -> Fault:
        """The connection is reset before anything is answered, once."""
        return self._once("reset", NoAnswer("reset"), "any", when)

    def tls_failure(self, **when: Unpack[WhenOptions]) -> Fault:
        """The server's certificate cannot be verified, until removed. The socket door closes the connection instead."""
        return self._lasting("tls_failure", NoAnswer("tls"), "any", when)

    def no_answer(self, **when: Unpack[WhenOptions]) -> Fault:
        """The connection is closed before anything is answered, once."""
        return self._once("no_answer", NoAnswer("eof"), "any", when)

    def hang(self, seconds: float = math.inf, **when: Unpack[WhenOptions]) -> Fault:
        """Headers never arrive (or only after `seconds`), once: a proxy that holds them, a server that is stuck."""
        return self._once("hang", Late(seconds), "any", when)

    def slow_list(self, seconds: float = 30.0, **when: Unpack[WhenOptions]) -> Fault:
        """Each list is answered so much later, until removed."""
        return self._lasting("slow_list", Late(seconds), "list", when)

    def close_watch(
        self, *, after_events: int = 0, after_seconds: float | None = None, **when: Unpack[WhenOptions]
    ) -> Fault:
        """A watch ends cleanly after so many events, or so many seconds; an open one too. Once."""
        return self._ending("close_watch", End(), after_events, after_seconds, when)

    def cut_watch(
        self,
        *,
        after_events: int = 0,
        after_seconds: float | None = None,
        how: Ending = "reset",
        **when: Unpack[WhenOptions],
    ) -> Fault:
        """The connection of a watch breaks between two events (`reset`, or `eof` without a proper end). Once."""
        return self._ending("cut_watch", Drop(how), after_events, after_seconds, when)

    def half_open(
        self, *, after_events: int = 0, after_seconds: float | None = None, **when: Unpack[WhenOptions]
    ) -> Fault:
        """A watch falls silent for ever, and its connection stays: packets vanish. An open one too. Once."""
        return self._ending("half_open", Freeze(), after_events, after_seconds, when)

    def black_hole(self, **when: Unpack[WhenOptions]) -> Fault:
        """Watches are answered and then stay silent for ever, bookmarks included, until removed; open ones too."""
        effect = OnStream(lambda strike: AfterEvents(0, [Freeze()], strike, ends=True))
        return self._lasting("black_hole", effect, "watch", when)

    def close_idle(self, seconds: float = 60.0, **when: Unpack[WhenOptions]) -> Fault:
        """A proxy closes each watch after so many seconds, until removed."""
        effect = OnStream(lambda strike: AfterSeconds(seconds, [End()], strike, self._now))
        return self._lasting("close_idle", effect, "watch", when)

    def cut_line(self, at_byte: int = 17, how: Ending = "reset", **when: Unpack[WhenOptions]) -> Fault:
        """The connection breaks after so many bytes of the next event. Once."""

        def cut(line: Line) -> list[Step]:
            return [Send(line.data[:at_byte]), Drop(how)]

        return self._once("cut_line", OnStream(lambda strike: EachLine(cut, strike)), "watch", when)

    def cut_list(self, at_byte: int = 2048, how: Ending = "reset", **when: Unpack[WhenOptions]) -> Fault:
        """The connection breaks after so many bytes of the body of a list that is longer. Once."""
        return self._once("cut_list", OnStream(lambda strike: CutBody(at_byte, how, strike)), "list", when)

    def drip_lists(self, seconds_per_byte: float = 1.0, **when: Unpack[WhenOptions]) -> Fault:
        """The body of each list comes one byte at a time, with a pause before each, until removed."""

        def drip(data: bytes) -> list[Step]:
            return [step for byte in data for step in (Wait(seconds_per_byte), Send(bytes((byte,))))]

        return self._lasting("drip_lists", OnStream(lambda strike: EachChunk(drip, strike)), "list", when)

    def trickle(self, seconds_per_byte: float = 30.0, **when: Unpack[WhenOptions]) -> Fault:
        """One byte at a time, with a pause before each, until removed."""

        def drip(data: bytes) -> list[Step]:
            return [step for byte in data for step in (Wait(seconds_per_byte), Send(bytes((byte,))))]

        return self._lasting("trickle", OnStream(lambda strike: EachChunk(drip, strike)), "watch", when)

    def rechunk(self, size: int = 1, **when: Unpack[WhenOptions]) -> Fault:
        """Chunks of that many bytes, which cut characters in their middle, until removed."""

        def cut(data: bytes) -> list[Step]:
            return [Send(data[at : at + size]) for at in range(0, len(data), size)]

        return self._lasting("rechunk", OnStream(lambda strike: EachChunk(cut, strike)), "watch", when)

    def _ending(
        self, name: str, step: Step, after_events: int, after_seconds: float | None, when: WhenOptions
    ) -> Fault:
        if after_seconds is None:
            effect = OnStream(lambda strike: AfterEvents(after_events, [step], strike, ends=True))
        else:
            effect = OnStream(lambda strike: AfterSeconds(after_seconds, [step], strike, self._now))
        return self._once(name, effect, "watch", when)
