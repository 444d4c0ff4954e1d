"""When a watch asks the server again, given how its last round ended and what it brought.

Rule 1: numbers in, numbers out; the reflector has the clock and the dice.
Rule 2: evidence decides. A round that brought something is followed at once, from a budget that fills slowly; one that
brought nothing is followed by a pause that grows, up to a limit that depends on what failed.
Rule 3: what the server asked for wins; a policy of the user's wins over all curves.

The table, which is also the parametrisation of `tests/reflector/test_pause_before_retry.py`; "budget" means at once while
there is some, and when there is more if there is none:

| end                                                    | brought something          | brought nothing: grows from, to |
|--------------------------------------------------------|----------------------------|---------------------------------|
| listed, same server, rolled back, requested, suspicion | at once                    | at once                         |
| stalled, unsupported                                   | at once                    | at once                         |
| ended, quiet, silence                                  | budget                     | budget                          |
| broken                                                 | budget                     | 0.2, 3                          |
| ended at once                                          | budget                     | 0.2, 30                         |
| expired, nonsense, too new                             | budget                     | once at once, then 0.2, 30      |
| unreachable                                            | 0.2, 3                     | 0.2, 3                          |
| unavailable                                            | 0.2, 3; after a minute 4.5 | 0.2, 3; after a minute 4.5      |
| internal error                                         | budget                     | 0.2, 3; after a minute 4.5      |
| throttled                                              | 0.8, 10                    | 0.8, 10                         |
| denied, not served, refused                            | 0.8, 30                    | 0.8, 30                         |
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from random import Random
from typing import Final, NamedTuple, assert_never

import msgspec
from msgspec.structs import replace

from trio_k8swatch._backoff_curves import MAX_RETRY_AFTER_SECONDS, Adaptive, Backoff, RetryPolicy

from .next_step import End, Outcome, retry_after_of

__all__ = ["Pace", "list_due", "paced", "requested"]

_BURST: Final = 5
_REFILL_SECONDS: Final = 4.5
"""A connection that breaks now and then is resumed at once; one that breaks all the time, after so long at most."""

_AT_ONCE_SECONDS: Final = 0.1
"""Over so much time those spread who lost their connections at one moment."""

_A_MINUTE: Final = 60.0
"""After that it is no restart any more."""

_SPREAD: Final = 0.1
"""Of a Retry-After, so that all who were given the same number do not come back together."""

_REQUESTS_RESET_SECONDS: Final = 60.0
"""Lists that are asked for more rarely than this are not counted together."""

_QUICK: Final = Backoff(0.2, 3.0)
_PATIENT: Final = Backoff(0.2, 4.5)
_WARY: Final = Backoff(0.2, 30.0)
_BUSY: Final = Backoff(0.8, 10.0)
_SLOW: Final = Backoff(0.8, 30.0)


class Family(Enum):
    """Failures that are counted together: a server that fails in two ways by turns is no better than one that fails in one."""

    AWAY = auto()
    THROWS_OUT = auto()
    CONFUSED = auto()
    BUSY = auto()
    REFUSES = auto()


class Growth(NamedTuple):
    """A pause that grows with the failures of a family."""

    family: Family
    curve: Backoff
    later: Backoff | None = None
    """The curve when the family has failed for a minute."""
    first_is_free: bool = False
    """Whether the first of a row is paid from the budget, too."""


class Rule(NamedTuple):
    """What follows an end: at once, unless one of these says otherwise."""

    budget: bool = False
    """Whether it is paid from the budget when the round brought something, or if no pause grows."""
    growth: Growth | None = None
    """How the pause grows when the round brought nothing."""


def _rule(end: End) -> Rule:  # noqa: PLR0911 - a table
    match end:
        case (
            End.LISTED
            | End.SAME_SERVER
            | End.ROLLED_BACK
            | End.REQUESTED
            | End.SUSPICION
            | End.STALLED
            | End.UNSUPPORTED
        ):
            return Rule()
        case End.ENDED | End.QUIET | End.SILENCE:
            return Rule(budget=True)
        case End.BROKEN:
            return Rule(budget=True, growth=Growth(Family.AWAY, _QUICK))
        case End.ENDED_AT_ONCE:
            return Rule(budget=True, growth=Growth(Family.THROWS_OUT, _WARY))
        case End.EXPIRED | End.NONSENSE | End.TOO_NEW:
            return Rule(budget=True, growth=Growth(Family.CONFUSED, _WARY, first_is_free=True))
        case End.UNREACHABLE:
            return Rule(growth=Growth(Family.AWAY, _QUICK))
        case End.INTERNAL_ERROR:
            return Rule(budget=True, growth=Growth(Family.AWAY, _QUICK, later=_PATIENT))
        case End.UNAVAILABLE:
            return Rule(growth=Growth(Family.AWAY, _QUICK, later=_PATIENT))
        case End.THROTTLED:
            return Rule(growth=Growth(Family.BUSY, _BUSY))
        case End.DENIED | End.NOT_SERVED | End.REFUSED:
            return Rule(growth=Growth(Family.REFUSES, _SLOW))
        case _:
            assert_never(end)


class Row(NamedTuple):
    """Failures of one family, since anything was last heard."""

    failures: int
    since: float
    """When the first of them happened."""


class Pace(msgspec.Struct, frozen=True):
    """What of the past counts for the next pause. Times are the reflector's."""

    budget: float = float(_BURST)
    budget_at: float = 0.0
    """When `budget` was so much; since then it has grown."""
    rows: Mapping[Family, Row] = msgspec.field(default_factory=dict[Family, Row])
    policy_failures: int = 0
    """For policies of the user's, which count all causes together."""
    policy_ready_at: float = float("-inf")
    """When the pause after the last of these was over."""
    requests: int = 0
    """Lists that were asked for, in a row."""
    requested_at: float = float("-inf")


def paced(
    pace: Pace, outcome: Outcome, now: float, rng: Random, policy: RetryPolicy, *, by_client: bool = False
) -> tuple[Pace, float]:
    """The seconds to wait after `outcome`. `by_client`: the client decides, for all watches together, when it asks again."""
    if outcome.error is not None and not isinstance(policy, Adaptive):
        return _by_policy(pace, outcome, now, rng, policy)
    rule, retry_after = _rule(outcome.end), retry_after_of(outcome.error)
    if outcome.brought and rule.budget:
        pace = replace(pace, rows={})
    if rule.budget and (outcome.brought or rule.growth is None) and not retry_after:
        return _from_budget(pace, now, rng, spread=_AT_ONCE_SECONDS if outcome.error else 0.0)
    if rule.growth is None:
        return pace, 0.0
    row = pace.rows.get(rule.growth.family, Row(0, now))
    row = Row(row.failures + 1, row.since)
    pace = replace(pace, rows={**pace.rows, rule.growth.family: row})
    if by_client and outcome.end is End.UNREACHABLE:
        return pace, 0.0
    return _by_growth(pace, retry_after, rule.growth, row, now=now, rng=rng)


def _by_growth(
    pace: Pace, retry_after: float | None, growth: Growth, row: Row, *, now: float, rng: Random
) -> tuple[Pace, float]:
    if retry_after:
        return pace, _as_asked(retry_after, rng)
    if growth.first_is_free and row.failures == 1:
        return _from_budget(pace, now, rng, spread=_AT_ONCE_SECONDS)
    curve = growth.later if growth.later is not None and now - row.since >= _A_MINUTE else growth.curve
    return pace, _grown(curve, row.failures - growth.first_is_free, rng)


def _from_budget(pace: Pace, now: float, rng: Random, *, spread: float) -> tuple[Pace, float]:
    """One attempt is taken from the budget; if there is none left, from what is still to come."""
    budget = min(float(_BURST), pace.budget + (now - pace.budget_at) / _REFILL_SECONDS) - 1
    pause = rng.uniform(spread / 5, spread) if budget >= 0 else -budget * _REFILL_SECONDS
    return replace(pace, budget=budget, budget_at=now), pause


def _grown(curve: Backoff, failures: int, rng: Random) -> float:
    """Between half of what the curve allows and all of it: who fails together does not come back together."""
    ceiling = curve.ceiling(failures)
    return rng.uniform(ceiling / 2, ceiling)


def _as_asked(seconds: float, rng: Random) -> float:
    return min(seconds, MAX_RETRY_AFTER_SECONDS) * (1 + _SPREAD * rng.random())


def _by_policy(pace: Pace, outcome: Outcome, now: float, rng: Random, policy: RetryPolicy) -> tuple[Pace, float]:
    """As the user has it: one count for all causes, which begins anew after a time without failure."""
    is_new = now - pace.policy_ready_at >= policy.reset_after_seconds
    failures = 1 if is_new else pace.policy_failures + 1
    retry_after = retry_after_of(outcome.error)
    delay = _as_asked(retry_after, rng) if retry_after else policy.delay(failures, rng)
    # The time without failure begins when the wait is over, not while we are still waiting.
    return replace(pace, policy_failures=failures, policy_ready_at=now + delay), delay


def list_due(pace: Pace, now: float) -> float:
    """When a list may begin that somebody asks for: at once, unless there was one a short while ago."""
    return max(now, pace.requested_at + _WARY.ceiling(pace.requests))


def requested(pace: Pace, now: float) -> Pace:
    """A list begins that somebody asked for."""
    is_new = now - pace.requested_at >= _REQUESTS_RESET_SECONDS
    return replace(pace, requests=1 if is_new else pace.requests + 1, requested_at=now)
