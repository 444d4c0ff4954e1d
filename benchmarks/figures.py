"""From raw segments and times to figures: only segments measured at one known speed count, and medians of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.runner import Run, Runs

__all__ = ["Figures", "Spread", "figures", "reference_ns"]

# How far the two loops around a segment may differ; more for segments that are long or in which the processor slept.
_AGREEMENT = 0.04
_LOOSE_AGREEMENT = 0.10
_FEWEST = 5


@dataclass(frozen=True)
class Spread:
    """A median, the quartiles, and how many segments, or lists, of all it rests on."""

    median: float
    low: float
    high: float
    kept: int
    of: int


@dataclass(frozen=True)
class Figures:
    """All that one case came to. CPU in µs per event or object; None: not measured here."""

    cpu_us: Spread | None = None
    list_cpu_us: Spread | None = None
    list_wall_s: float | None = None
    kept_bytes: float | None = None
    peak_above_kept_bytes: float | None = None
    latency_p50_us: float | None = None
    latency_p99_us: float | None = None
    others: dict[str, float] | None = None


def _quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, math.floor(part * len(ordered)))]


def reference_ns(runs: Runs) -> float:
    """The calibration loop on the undisturbed machine: all figures are told at this one speed."""
    loops = sorted(
        loop
        for several in runs.values()
        for run in several
        for segment in chain(run.answer["segments"], *run.answer["lists"])
        for loop in (segment["before_ns"], segment["after_ns"])
    )
    return _quantile(loops, 0.05) if loops else 1.0


def _cost_us(segment: dict[str, Any], reference: float) -> float:
    """What it would have taken on the undisturbed machine."""
    return segment["cpu_ns"] / (segment["before_ns"] + segment["after_ns"]) * 2 * reference / 1_000


def _spread(segments: Sequence[dict[str, Any]], reference: float) -> Spread | None:
    """The cost of an event, from segments that are all of a kind."""
    for agreement in (_AGREEMENT, _LOOSE_AGREEMENT, math.inf):
        costs = sorted(
            _cost_us(segment, reference) / segment["events"]
            for segment in segments
            if abs(segment["before_ns"] / segment["after_ns"] - 1) <= agreement
        )
        if len(costs) >= min(_FEWEST, len(segments)) > 0:
            return _spread_of(costs, len(segments))
    return None


def _list_spread(lists: Sequence[Sequence[dict[str, Any]]], objects: int, reference: float) -> Spread | None:
    """The cost of an object, from whole lists: their segments are all different, so none can be left out."""
    costs = sorted(sum(_cost_us(segment, reference) for segment in segments) / objects for segments in lists)
    return _spread_of(costs, len(costs)) if costs else None


def _spread_of(costs: Sequence[float], of: int) -> Spread:
    return Spread(median(costs), _quantile(costs, 0.25), _quantile(costs, 0.75), len(costs), of)


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None


def _latencies_us(run: Run, part: float) -> float | None:
    pairs = zip(run.sent, run.answer["received"], strict=False)
    times = sorted((received - sent) / 1_000 for sent, received in pairs)
    return _quantile(times, part) if times else None


def figures(runs: list[Run], objects: int, reference: float) -> Figures:
    """What the runs of one case came to."""
    answers = [run.answer for run in runs]
    with_memory = [answer for answer in answers if answer["kept_bytes"]]
    others = {name for answer in answers for name in answer["others"]}
    return Figures(
        cpu_us=_spread([segment for answer in answers for segment in answer["segments"]], reference),
        list_cpu_us=_list_spread([segments for answer in answers for segments in answer["lists"]], objects, reference),
        list_wall_s=_median(wall / 1e9 for answer in answers for wall in answer["list_wall_ns"]),
        kept_bytes=_median(answer["kept_bytes"] / objects for answer in with_memory),
        peak_above_kept_bytes=_median(answer["peak_bytes"] - answer["kept_bytes"] for answer in with_memory),
        latency_p50_us=_median(p for run in runs if (p := _latencies_us(run, 0.5)) is not None),
        latency_p99_us=_median(p for run in runs if (p := _latencies_us(run, 0.99)) is not None),
        others={name: median(a["others"][name] for a in answers if name in a["others"]) for name in sorted(others)},
    )
