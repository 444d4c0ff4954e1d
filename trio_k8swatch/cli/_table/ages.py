"""Ages as kubectl writes them, parsed so that they go on growing."""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = ["Cell", "Growing", "age", "growing", "seconds_of", "text_at"]

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY

_UNITS: Final = {"y": _YEAR, "d": _DAY, "h": _HOUR, "m": _MINUTE, "s": 1}
_AGE: Final = re.compile(r"(\d+y)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?")
_AGO: Final = re.compile(r"(.*\()(\w+)( ago\))")

# From so many seconds: the unit, and the finer one beside it if there is any (apimachinery's HumanDuration).
_SCALE: Final = (
    (8 * _YEAR, "y", ""),
    (2 * _YEAR, "y", "d"),
    (8 * _DAY, "d", ""),
    (2 * _DAY, "d", "h"),
    (8 * _HOUR, "h", ""),
    (3 * _HOUR, "h", "m"),
    (10 * _MINUTE, "m", ""),
    (2 * _MINUTE, "m", "s"),
    (0, "s", ""),
)


class Growing(msgspec.Struct, frozen=True):
    """Text with an age in it. `since` is when that age was 0, on whatever clock it will be read by."""

    since: float
    before: str = ""
    after: str = ""

    def at(self, now: float) -> str:
        """The text at `now`."""
        return f"{self.before}{age(now - self.since)}{self.after}"


Cell = str | Growing


def text_at(cell: Cell, now: float) -> str:
    """What a cell shows at `now`."""
    return cell if isinstance(cell, str) else cell.at(now)


def age(seconds: float) -> str:
    """As kubectl shows it: `43s`, `3m20s`, `26h`, `5d3h`; the older the coarser."""
    whole = int(seconds)
    if whole < 0:
        # Two clocks never agree, and a moment ago is now.
        return "0s" if whole >= -1 else "<invalid>"
    unit, finer = next((unit, finer) for start, unit, finer in _SCALE if whole >= start)
    count, rest = divmod(whole, _UNITS[unit])
    fine = rest // _UNITS[finer] if finer else 0
    return f"{count}{unit}{fine}{finer}" if fine else f"{count}{unit}"


def seconds_of(text: str) -> int | None:
    """The least age that is written so; None if it is no age."""
    match = _AGE.fullmatch(text)
    if match is None or not text:
        return None
    return sum(int(part[:-1]) * _UNITS[part[-1]] for part in match.groups() if part)


def growing(text: str, now: float, *, is_age: bool, exactly: float | None = None) -> Cell:
    """A cell that was written at `now`, as one that grows if there is an age in it: all of it, or `(3m ago)`.

    `exactly`: how many seconds old its object is by our clock, if that is known. Where that agrees with what is
    written it is better: `12h` may be nearly thirteen.
    """
    if is_age:
        seconds = seconds_of(text)
        if seconds is None:
            return text
        return Growing(now - (exactly if exactly is not None and age(exactly) == text else seconds))
    match = _AGO.fullmatch(text)
    seconds = seconds_of(match[2]) if match else None
    return text if match is None or seconds is None else Growing(now - seconds, match[1], match[3])
