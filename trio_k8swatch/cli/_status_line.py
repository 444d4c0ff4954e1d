"""The line that says how far a moving table can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from trio_k8swatch._health import Health, State
from trio_k8swatch.cli._ages import age
from trio_k8swatch.cli._text import one_line

__all__ = ["Situation", "status_line"]

_SEPARATOR: Final = " · "
_LEAST_ERROR_WIDTH: Final = 20


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is to say. `now` is on the clock of `health`."""

    health: Health
    now: float
    what: str
    """`pods in namespace shop`"""
    objects: int
    shown: int
    changes_per_minute: int = 0
    reconnects: int = 0


def status_line(situation: Situation, width: int) -> Text:
    """One line, no wider than `width`; what matters least is left out first."""
    state = Text(_state(situation), style=_style(situation.health))
    error = situation.health.last_error if situation.health.is_failing else None
    rest = _facts(situation)
    while len(rest) > 1 and _width(state, rest) + (_LEAST_ERROR_WIDTH if error else 0) > width:
        rest.pop()
    line = Text(_SEPARATOR).join([state, *map(Text, rest)])
    if error is not None:
        line.append(_SEPARATOR).append(one_line(error), style="red")
    line.truncate(width, overflow="ellipsis")
    return line


def _state(situation: Situation) -> str:
    health = situation.health
    if health.state is State.LIVE or not health.is_failing:
        return health.state.value
    return f"{health.state.value} for {age(situation.now - health.since)}"


def _style(health: Health) -> str:
    if health.state is State.LIVE:
        return "bold green"
    return "bold yellow" if health.state in {State.STARTING, State.RELISTING} else "bold red"


def _facts(situation: Situation) -> list[str]:
    """The most important first."""
    objects, shown = situation.objects, situation.shown
    count = f"{objects}" if shown >= objects else f"the {shown} of {objects} that changed last:"
    facts = [f"{count} {situation.what}"]
    if situation.health.staleness != float("inf"):
        facts.append(f"confirmed {age(situation.health.staleness)} ago")
    facts.append(f"{situation.changes_per_minute} changes/min")
    if situation.reconnects:
        facts.append(f"{situation.reconnects} reconnect{'s' if situation.reconnects > 1 else ''}")
    return facts


def _width(state: Text, facts: list[str]) -> int:
    return cell_len(_SEPARATOR.join([state.plain, *facts]))
