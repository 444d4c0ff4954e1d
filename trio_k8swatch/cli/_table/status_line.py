"""The lines that say how far a moving table can be trusted."""

from __future__ import annotations

from typing import Final

import msgspec
from rich.cells import cell_len
from rich.text import Text

from trio_k8swatch._store import Health, State
from trio_k8swatch.cli._output.safe_text import one_line
from trio_k8swatch.cli._table.ages import age
from trio_k8swatch.cli._table.columns import cut

__all__ = ["Situation", "status_lines"]

_SEPARATOR: Final = " · "


class Situation(msgspec.Struct, frozen=True):
    """What there is to say. `now` is on the clock of `health`."""

    health: Health
    now: float
    what: str
    """`pods in namespace shop`"""
    objects: int
    shown: int
    """How many of them there was room for."""
    changes_per_minute: int = 0
    reconnects: int = 0


def status_lines(situation: Situation, width: int) -> list[Text]:
    """What is wrong, if anything is, then the state; none wider than `width`. What matters least is left out."""
    health = situation.health
    lines: list[Text] = []
    if health.is_failing and health.last_error is not None:
        # The beginning says what was tried, the end why it failed.
        lines.append(Text(cut(one_line(health.last_error), width, keep_end=True).rstrip(), style="red"))
    state = _state(situation)
    facts = _facts(situation)
    while len(facts) > 1 and cell_len(_SEPARATOR.join([state, *facts])) > width:
        facts.pop()
    line = Text(_SEPARATOR).join([Text(state, style=_style(health)), *map(Text, facts)])
    line.truncate(width, overflow="ellipsis")
    return [*lines, line]


def _state(situation: Situation) -> str:
    """The state; while it fails since when, why and when the next attempt is due."""
    health, now = situation.health, situation.now
    if not health.is_failing:
        return health.state
    state = f"{health.state} for {age(now - health.since)}"
    if health.reason is not None and health.reason != health.state:
        state = f"{state} ({health.reason})"
    if health.next_attempt_at is None:
        return state
    rest = health.next_attempt_at - now
    return f"{state}, next attempt in {age(rest)}" if rest > 0 else f"{state}, trying"


def _style(health: Health) -> str:
    if health.is_failing:
        return "bold yellow" if health.state is State.RELISTING else "bold red"
    return "bold green" if health.state is State.LIVE else "bold yellow"


def _facts(situation: Situation) -> list[str]:
    """The most important first."""
    objects, shown, reconnects = situation.objects, situation.shown, situation.reconnects
    count = f"{objects}" if shown >= objects else f"the latest {shown} of {objects}"
    facts = [f"{count} {situation.what}"]
    if situation.health.staleness != float("inf"):
        facts.append(f"confirmed {age(situation.health.staleness)} ago")
    if reconnects:
        facts.append(_counted(reconnects, "reconnect"))
    facts.append(f"{_counted(situation.changes_per_minute, 'change')}/min")
    return facts


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
