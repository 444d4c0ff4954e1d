"""How the watches of many namespaces are doing, as one answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from trio_k8swatch._store import Health, State, Vitals

__all__ = ["OUT", "NamespaceVitals", "WholeVitals"]

OUT: Final = frozenset({State.FORBIDDEN, State.NOT_SERVED, State.STOPPED})
"""Of a namespace: nothing will come from it until somebody changes rights or programs, so nobody waits for it."""

_WORST_FIRST: Final = (State.UNAUTHORIZED, State.RECONNECTING, State.STARTING, State.RELISTING, State.LIVE)


class NamespaceVitals(Vitals):
    """Those of one namespace, which say when they change."""

    def __init__(self, on_change: Callable[[float], object], on_failure: Callable[[Exception, float], object]) -> None:
        super().__init__()
        self._on_change = on_change
        self._on_failure = on_failure

    def enter(self, state: State, now: float) -> None:
        """Be in `state`, and let the whole know."""
        super().enter(state, now)
        self._on_change(now)

    def failed(self, error: Exception, now: float, failures: int, reason: str) -> None:
        """See `Vitals`; the start may have waited for this."""
        super().failed(error, now, failures, reason)
        self._on_failure(error, now)


class WholeVitals(Vitals):
    """Those of all namespaces together: the worst of those that are not out."""

    def __init__(self, members: Callable[[], Iterable[tuple[str, Vitals, str]]]) -> None:
        """`members`: name, vitals and version of each namespace."""
        super().__init__()
        self._members = members
        self._counts: Counter[State] = Counter()
        self._failing = 0

    def count(self, was: tuple[State, bool] | None, is_now: tuple[State, bool] | None, now: float) -> None:
        """A namespace was in one state, and failing or not, and is in another; None before and after it is followed."""
        for stand, by in ((was, -1), (is_now, 1)):
            if stand is not None:
                self._counts[stand[0]] += by
                self._failing += by * stand[1]
        self.failing: bool = self._failing > 0
        if self.state is not State.STOPPED:
            self.enter(self._worst(), now)

    def _worst(self) -> State:
        in_order = (state for state in _WORST_FIRST if self._counts[state])
        out = (state for state in OUT if self._counts[state])
        return next(in_order, None) or next(out, State.LIVE)

    def seen(self, now: float, resource_version: str) -> Health:
        """How it stands at `now`: of each thing the worst or the newest, with the namespace that it comes from."""
        looks = [(name, vitals.seen(now, version)) for name, vitals, version in self._members()]
        followed = [look for _, look in looks if look.state not in OUT] or [look for _, look in looks]
        blocked = next((look for look in followed if look.state is State.BLOCKED), None)
        if blocked is not None and self.state is State.LIVE:
            return replace(
                self._sum(looks, followed, now, resource_version), state=State.BLOCKED, reason=blocked.reason
            )
        return self._sum(looks, followed, now, resource_version)

    def _sum(
        self, looks: list[tuple[str, Health]], followed: list[Health], now: float, resource_version: str
    ) -> Health:
        failing = [(name, look) for name, look in looks if look.is_failing or look.state in OUT]
        name, last = max(looks, key=lambda look: _or_never(look[1].last_error_at), default=("", None))
        return Health(
            state=self.state,
            since=self.since,
            is_failing=self.failing,
            staleness=max((look.staleness for look in followed), default=0.0),
            resource_version=resource_version,
            last_error=None if last is None or last.last_error is None else f"{name}: {last.last_error}",
            last_error_at=None if last is None else last.last_error_at,
            failures=max((look.failures for look in followed), default=0),
            last_byte_at=_newest(look.last_byte_at for look in followed),
            last_event_at=_newest(look.last_event_at for look in followed),
            last_bookmark_at=_newest(look.last_bookmark_at for look in followed),
            last_list_at=_newest(look.last_list_at for look in followed),
            reason=_reason(failing, len(looks)),
            next_attempt_at=min((at for look in followed if (at := look.next_attempt_at) is not None), default=None),
        )


def _or_never(when: float | None) -> float:
    return float("-inf") if when is None else when


def _newest(times: Iterable[float | None]) -> float | None:
    return max((when for when in times if when is not None), default=None)


def _reason(failing: list[tuple[str, Health]], count: int) -> str | None:
    if not failing:
        return None
    name, look = failing[0]
    return f"{look.reason or look.state.value}: {len(failing)} of {count} namespaces, {name} among them"
