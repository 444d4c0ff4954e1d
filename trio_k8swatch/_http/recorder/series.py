"""What an occurrence comes to: a new event, one more of a series, or nothing that is sent.

Rule 1: what happened once is an event; what happens again within six minutes is counted in the series of that event.
Rule 2: of one series, one request is under way at a time, and the next comes ten seconds later at the earliest.
Rule 3: of one object, 25 requests are sent at once, and then one every five minutes.
Rule 4: no more than 4,096 series and 4,096 objects are remembered; those that were heard of longest ago are forgotten.

The figures of rules 1, 3 and 4 are those of client-go.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeVar

import msgspec

__all__ = ["Series", "SeriesBook"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SERIES_SECONDS: Final = 360.0
_PAUSE_SECONDS: Final = 10.0
_BURST: Final = 25
_REFILL_SECONDS: Final = 300.0
_MOST_REMEMBERED: Final = 4096


class Series(msgspec.Struct, eq=False):
    """An event and its repetitions."""

    key: Hashable
    seen_at: float
    count: int = 1
    """How often it has happened."""
    name: str = ""
    """Of the event on the server; empty while there is none."""
    sent_at: float = 0.0
    is_sending: bool = True


class _Budget(msgspec.Struct):
    left: float
    at: float


class SeriesBook:
    """All series of one recorder. Times are of one steady clock, in seconds."""

    def __init__(self) -> None:
        self._series: OrderedDict[Hashable, Series] = OrderedDict()
        self._budgets: OrderedDict[Hashable, _Budget] = OrderedDict()

    def __len__(self) -> int:
        return len(self._series)

    def note(self, key: Hashable, of: Hashable, now: float) -> Series | None:
        """`key` happened to the object `of`: the series to be sent, or None. Say `sent` or `failed` of one that is."""
        series = self._series.get(key)
        if series is None or now - series.seen_at > _SERIES_SECONDS:
            if not self._may_spend(of, now):
                return None
            _remember(self._series, key, series := Series(key, now))
            return series
        self._series.move_to_end(key)
        series.count += 1
        series.seen_at = now
        if series.is_sending or now - series.sent_at < _PAUSE_SECONDS or not self._may_spend(of, now):
            return None
        series.is_sending = True
        return series

    def sent(self, series: Series, name: str, now: float) -> None:
        """The server has the event, by this name, with all that was counted when it was sent."""
        series.name, series.sent_at, series.is_sending = name, now, False

    def failed(self, series: Series) -> None:
        """It is not known whether the server has the event: the next occurrence begins anew."""
        if self._series.get(series.key) is series:
            del self._series[series.key]

    def _may_spend(self, of: Hashable, now: float) -> bool:
        budget = self._budgets.get(of) or _Budget(_BURST, now)
        left = min(_BURST, budget.left + (now - budget.at) / _REFILL_SECONDS)
        may = left >= 1
        _remember(self._budgets, of, _Budget(left - 1 if may else left, now))
        return may


def _remember(book: OrderedDict[K, V], key: K, value: V) -> None:
    book[key] = value
    book.move_to_end(key)
    if len(book) > _MOST_REMEMBERED:
        book.popitem(last=False)
