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
from dataclasses import dataclass, field, replace
from enum import Enum
from random import Random
from typing import Final, NamedTuple, assert_never

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

_QUICK: Final = Backoff(0.2, 3.0, minimum_seconds=0.1)
_PATIENT: Final = Backoff(0.2, 4.5, minimum_seconds=0.1)
_WARY: Final = Backoff(0.2, 30.0, minimum_seconds=0.1)
_BUSY: Final = Backoff(0.8, 10.0, minimum_seconds=0.1)
_SLOW: Final = Backoff(0.8, 30.0, minimum_seconds=0.1)


class Family(Enum):
    """Failures that are counted together: a server that fails in two ways by turns is no better than one that fails in one."""

    AWAY = "away"
    THROWS_OUT = "throws out"
    CONFUSED = "confused"
    BUSY = "busy"
    REFUSES = "refuses"


class Rule(NamedTuple):
    """What follows an end: at once, unless one of these says otherwise."""

    budget: bool = False
    """Whether it is paid from the budget when the round brought something, or if there is no curve."""
    family: Family | None = None
    curve: Backoff | None = None
    later: Backoff | None = None
    """The curve when the family has failed for a minute."""
    first_is_free: bool = False
    """Whether the first of a row is paid from the budget, too."""


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
            return Rule(budget=True, family=Family.AWAY, curve=_QUICK)
        case End.ENDED_AT_ONCE:
            return Rule(budget=True, family=Family.THROWS_OUT, curve=_WARY)
        case End.EXPIRED | End.NONSENSE | End.TOO_NEW:
            return Rule(budget=True, family=Family.CONFUSED, curve=_WARY, first_is_free=True)
        case End.UNREACHABLE:
            return Rule(family=Family.AWAY, curve=_QUICK)
        case End.INTERNAL_ERROR:
            return Rule(budget=True, family=Family.AWAY, curve=_QUICK, later=_PATIENT)
        case End.UNAVAILABLE:
            return Rule(family=Family.AWAY, curve=_QUICK, later=_PATIENT)
        case End.THROTTLED:
            return Rule(family=Family.BUSY, curve=_BUSY)
        case End.DENIED | End.NOT_SERVED | End.REFUSED:
            return Rule(family=Family.REFUSES, curve=_SLOW)
        case _:
            assert_never(end)


class Row(NamedTuple):
    """Failures of one family, since anything was last heard."""

    failures: int
    since: float
    """When the first of them happened."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What of the past counts for the next pause. Times are the reflector's."""

    budget: float = float(_BURST)
    budget_at: float = 0.0
    """When `budget` was so much; since then it has grown."""
    rows: Mapping[Family, Row] = field(default_factory=dict[Family, Row])
    policy_failures: int = 0
    """For policies of the user's, which count all causes together."""
    policy_ready_at: float = float("-inf")
    """When the pause after the last of these was over."""
    requests: int = 0
    """Lists that were asked for, in a row."""
    requested_at: float = 0.0


def paced(
    pace: Pace, outcome: Outcome, now: float, rng: Random, policy: RetryPolicy, *, by_client: bool = False
) -> tuple[Pace, float]:
    """The seconds to wait after `outcome`. `by_client`: the client decides, for all watches together, when it asks again."""
    if outcome.error is not None and not isinstance(policy, Adaptive):
        return _by_policy(pace, outcome, now, rng, policy)
    rule, retry_after = _rule(outcome.end), retry_after_of(outcome.error)
    if outcome.brought and rule.budget:
        pace = replace(pace, rows={})
    if rule.budget and (outcome.brought or rule.curve is None) and not retry_after:
        return _from_budget(pace, now, rng, spread=_AT_ONCE_SECONDS if outcome.error else 0.0)
    if rule.family is None or rule.curve is None:
        return pace, 0.0
    row = pace.rows.get(rule.family, Row(0, now))
    row = Row(row.failures + 1, row.since)
    pace = replace(pace, rows={**pace.rows, rule.family: row})
    if by_client and outcome.end is End.UNREACHABLE:
        return pace, 0.0
    return _by_rule(pace, retry_after, rule, row, now=now, rng=rng)


def _by_rule(
    pace: Pace, retry_after: float | None, rule: Rule, row: Row, *, now: float, rng: Random
) -> tuple[Pace, float]:
    if retry_after:
        return pace, _as_asked(retry_after, rng)
    if rule.first_is_free and row.failures == 1:
        return _from_budget(pace, now, rng, spread=_AT_ONCE_SECONDS)
    curve = rule.later if rule.later is not None and now - row.since >= _A_MINUTE else rule.curve
    assert curve is not None
    return pace, _grown(curve, row.failures - rule.first_is_free, rng)


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
    if pace.requests == 0 or now - pace.requested_at >= _REQUESTS_RESET_SECONDS:
        return now
    return max(now, pace.requested_at + _WARY.ceiling(pace.requests))


def requested(pace: Pace, now: float) -> Pace:
    """A list begins that somebody asked for."""
    is_new = now - pace.requested_at >= _REQUESTS_RESET_SECONDS
    return replace(pace, requests=1 if is_new else pace.requests + 1, requested_at=now)
