"""What a watch does next, given how its last round ended.

Rule 1: an error is a fact about the server, and says by its type what is still to be trusted.
Rule 2: a list begins only when it is needed; a connection that breaks is no reason for one.
Rule 3: what comes from here is only what to do; when is decided in `pause_before_retry`.

The table, which is also the parametrisation of `tests/reflector/test_next_step.py`. "5th list" means that the fifth such round
in a row that brought nothing is followed by a list:

| step            | end                                                                       | next                     |
|-----------------|---------------------------------------------------------------------------|--------------------------|
| watch           | ended, ended at once, broken, unreachable, unavailable, throttled, denied | watch                    |
| watch           | silence, quiet                                                            | watch, 2nd consistent list |
| watch           | internal error, refused                                                   | watch, 5th list          |
| watch           | expired, too new, nonsense, not served                                    | list                     |
| watch           | requested                                                                 | consistent list          |
| watch           | suspicion                                                                 | probe                    |
| list            | listed                                                                    | watch                    |
| list            | expired, too new, nonsense, requested                                     | consistent list          |
| list            | unreachable, unavailable, throttled, denied, internal error, refused      | list                     |
| list            | broken, not served, silence, ended, ended at once, stalled, unsupported   | list                     |
| consistent list | listed                                                                    | watch                    |
| consistent list | unreachable, unavailable, throttled, denied, internal error, refused      | consistent list          |
| consistent list | broken, not served, silence, ended, ended at once, stalled, unsupported   | consistent list          |
| consistent list | expired, too new, nonsense, requested                                     | consistent list          |
| probe           | same server                                                               | watch                    |
| probe           | rolled back, requested                                                    | consistent list          |
| probe           | unreachable, unavailable, throttled, denied, internal error, refused      | watch                    |
| probe           | broken, not served, expired, too new, nonsense, silence                   | watch                    |
"""

from __future__ import annotations

from enum import Enum
from typing import Final, assert_never

import msgspec
from msgspec.structs import replace

from trio_k8swatch._errors import (
    ApiError,
    Expired,
    K8sWatchError,
    NotFound,
    ProtocolError,
    TooManyRequests,
    Unavailable,
)
from trio_k8swatch._wire import is_too_large_version

__all__ = ["End", "Outcome", "Plan", "Step", "end_of", "following", "refuses_streaming", "retry_after_of"]

_UNSUPPORTED: Final = frozenset({400, 422})
"""How servers refuse `sendInitialEvents` that do not have it (F31)."""

_SILENCES: Final = 2
"""Silent watches in a row, after which the server is asked for everything: it may have been silent about something."""

_ERRORS: Final = 5
"""Each so many watches in a row refused for reasons of the server's own, a list. They may pass (F38), but it may be our version
that it chokes on."""


class Step(Enum):
    """What a round sets out to do."""

    WATCH = "watch"
    """Watch from the version that we have."""
    LIST = "list"
    """List, at least as new as what we have."""
    CONSISTENT_LIST = "consistent list"
    """List, as new as the server can be."""
    PROBE = "probe"
    """Ask for the server's version."""


class End(Enum):
    """How a round ended. The values are labels of metrics and what `Health.reason` says."""

    ENDED = "ended"
    """The server ended the watch in order."""
    ENDED_AT_ONCE = "ended at once"
    """It did so within a second (client-go: VeryShortWatchError)."""
    BROKEN = "broken"
    """The connection broke after the server had answered."""
    SILENCE = "silence"
    """A watch was answered, and nothing was heard for longer than a living one can be silent."""
    QUIET = "quiet"
    """A watch of a server that seems to have no bookmarks ended, and nothing was heard in all its time."""
    UNREACHABLE = "unreachable"
    """No answer: refused, reset, TLS failed, or too late."""
    UNAVAILABLE = "unavailable"
    """502, 503, 504: the server, or something in front of it, cannot serve this now."""
    INTERNAL_ERROR = "internal error"
    """500, or an ERROR event of the server's own making."""
    THROTTLED = "throttled"
    """429."""
    DENIED = "denied"
    """401, 403, or credentials that cannot be had."""
    NOT_SERVED = "not served"
    """404."""
    REFUSED = "refused"
    """Any other refusal."""
    EXPIRED = "expired"
    """410: the version is history."""
    TOO_NEW = "too new"
    """The server has not reached the version that was asked for."""
    NONSENSE = "nonsense"
    """What came makes no sense, or contradicts what came before."""
    REQUESTED = "requested"
    """Somebody asked for a list."""
    SUSPICION = "suspicion"
    """Something came that is older than what came before."""
    LISTED = "listed"
    """A list was committed."""
    STALLED = "stalled"
    """A streaming list did not get on."""
    UNSUPPORTED = "unsupported"
    """The server has no streaming lists."""
    SAME_SERVER = "same server"
    """The server's version is not older than ours."""
    ROLLED_BACK = "rolled back"
    """It is older, or cannot be asked for without a list."""


class Outcome(msgspec.Struct, frozen=True):
    """A round, as seen when it is over."""

    end: End
    error: K8sWatchError | None = None
    """What failed, for people; None for what is no failure."""
    brought: bool = False
    """Whether a watch was open that brought an event or a bookmark, or lasted a second."""
    explains: bool = False
    """Of a list: whether it explains a silence before it, because nothing had happened."""


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, and what of the past still counts for that."""

    step: Step = Step.CONSISTENT_LIST
    cause: End | None = None
    """Why there is to be a list; None for the first one."""
    streams: bool = True
    """Whether the server may have streaming lists."""
    failures: int = 0
    """Failed rounds in a row that brought nothing."""
    silences: int = 0
    """Silent watches in a row."""
    is_doubted: bool = False
    """Whether an open watch proves nothing before it has brought something: the last one was silent, or ended at once."""

    is_caught: bool = False
    """Whether a list showed what a silent watch had kept to itself, and nothing was heard since: then silence proves nothing."""

    @property
    def reason(self) -> str:
        """Why there is to be a list, as a label."""
        return "initial" if self.cause is None else self.cause.value

    def heard(self) -> Plan:
        """A watch has brought something: what went before is over."""
        if not (self.failures or self.silences or self.is_doubted or self.is_caught):
            # With every read of a healthy watch: making a new one costs more than all else that is done for a read.
            return self
        return replace(self, failures=0, silences=0, is_doubted=False, is_caught=False)

    def requested(self) -> Plan:
        """Somebody asks for a list."""
        return replace(self, step=Step.CONSISTENT_LIST, cause=End.REQUESTED)

    def listing(self, step: Step, cause: End) -> Plan:
        """List, because of `cause`. What is wanted already keeps its cause."""
        return replace(self, step=step, cause=cause if self.step in {Step.WATCH, Step.PROBE} else self.cause)


def following(plan: Plan, outcome: Outcome) -> Plan:
    """What comes after `outcome` of what was planned: the table, and the counts behind it."""
    plan = _counted(plan, outcome)
    match plan.step:
        case Step.WATCH:
            return _after_watch(plan, outcome.end)
        case Step.LIST | Step.CONSISTENT_LIST:
            return _after_list(plan, outcome)
        case Step.PROBE:
            return _after_probe(plan, outcome.end)
        case _:
            assert_never(plan.step)


def _counted(plan: Plan, outcome: Outcome) -> Plan:
    if outcome.brought:
        plan = plan.heard()
    return replace(
        plan,
        failures=plan.failures + (outcome.error is not None),
        silences=plan.silences + (outcome.end in {End.SILENCE, End.QUIET}),
        is_doubted=plan.is_doubted or outcome.end in {End.SILENCE, End.ENDED_AT_ONCE},
    )


def _after_watch(plan: Plan, end: End) -> Plan:
    match end:
        case (
            End.ENDED | End.ENDED_AT_ONCE | End.BROKEN | End.UNREACHABLE | End.UNAVAILABLE | End.THROTTLED | End.DENIED
        ):
            return plan
        case End.SILENCE | End.QUIET:
            return plan.listing(Step.CONSISTENT_LIST, end) if plan.silences >= _SILENCES else plan
        case End.INTERNAL_ERROR | End.REFUSED:
            return plan.listing(Step.LIST, end) if plan.failures % _ERRORS == 0 else plan
        case End.EXPIRED | End.TOO_NEW | End.NONSENSE | End.NOT_SERVED:
            return plan.listing(Step.LIST, end)
        case End.REQUESTED:
            return plan.requested()
        case End.SUSPICION:
            return replace(plan, step=Step.PROBE)
        case End.LISTED | End.STALLED | End.UNSUPPORTED | End.SAME_SERVER | End.ROLLED_BACK:
            raise AssertionError(f"a watch does not end in {end}")
        case _:
            assert_never(end)


def _after_list(plan: Plan, outcome: Outcome) -> Plan:
    end = outcome.end
    match end:
        case End.LISTED:
            if plan.cause not in {End.SILENCE, End.QUIET}:
                return replace(plan, step=Step.WATCH)
            is_caught = plan.is_caught or not outcome.explains
            return replace(plan, step=Step.WATCH, silences=0, is_doubted=is_caught, is_caught=is_caught)
        case End.EXPIRED | End.TOO_NEW | End.NONSENSE | End.REQUESTED:
            return plan.requested() if end is End.REQUESTED else plan.listing(Step.CONSISTENT_LIST, end)
        case End.STALLED | End.UNSUPPORTED:
            return replace(plan, streams=False)
        case End.UNREACHABLE | End.UNAVAILABLE | End.THROTTLED | End.DENIED | End.INTERNAL_ERROR | End.REFUSED:
            return plan
        case End.BROKEN | End.NOT_SERVED | End.SILENCE | End.ENDED | End.ENDED_AT_ONCE:
            return plan
        case End.QUIET | End.SUSPICION | End.SAME_SERVER | End.ROLLED_BACK:
            raise AssertionError(f"a list does not end in {end}")
        case _:
            assert_never(end)


def _after_probe(plan: Plan, end: End) -> Plan:
    match end:
        case End.ROLLED_BACK:
            return plan.listing(Step.CONSISTENT_LIST, end)
        case End.REQUESTED:
            return plan.requested()
        case End.SAME_SERVER | End.UNREACHABLE | End.UNAVAILABLE | End.THROTTLED | End.DENIED | End.INTERNAL_ERROR:
            # That the server cannot be asked says nothing against what we know.
            return replace(plan, step=Step.WATCH)
        case End.REFUSED | End.BROKEN | End.NOT_SERVED | End.EXPIRED | End.TOO_NEW | End.NONSENSE | End.SILENCE:
            return replace(plan, step=Step.WATCH)
        case End.ENDED | End.ENDED_AT_ONCE | End.QUIET | End.SUSPICION | End.LISTED | End.STALLED | End.UNSUPPORTED:
            raise AssertionError(f"a question for the version does not end in {end}")
        case _:
            assert_never(end)


def end_of(error: K8sWatchError, *, is_answered: bool) -> End:
    """How a round ended that ended in `error`, which came before or after the server had answered."""
    if isinstance(error, Unavailable):
        return End.BROKEN if is_answered else End.UNREACHABLE
    if isinstance(error, ProtocolError):
        return End.NONSENSE
    return _end_of_refusal(error, is_answered=is_answered) if isinstance(error, ApiError) else End.DENIED


def _end_of_refusal(error: ApiError, *, is_answered: bool) -> End:  # noqa: PLR0911 - a table
    code = error.status.code
    if isinstance(error, Expired):
        return End.EXPIRED
    if isinstance(error, TooManyRequests):
        return End.THROTTLED
    if code in {401, 403}:
        return End.DENIED
    if isinstance(error, NotFound):
        return End.NOT_SERVED
    if is_too_large_version(error):
        return End.TOO_NEW
    if code == 0:
        # An ERROR event that names no code is no Status at all (F40).
        return End.NONSENSE
    if code < 500:
        return End.REFUSED
    return End.INTERNAL_ERROR if code == 500 or is_answered else End.UNAVAILABLE


def refuses_streaming(error: K8sWatchError) -> bool:
    """Whether a server says with this that it has no streaming lists."""
    return isinstance(error, ApiError) and error.status.code in _UNSUPPORTED


def retry_after_of(error: K8sWatchError | None) -> float | None:
    """Seconds that the server asked for, if it did; no seconds are nothing to ask for."""
    seconds = error.retry_after if isinstance(error, ApiError) else None
    return seconds if seconds is not None and seconds > 0 else None
