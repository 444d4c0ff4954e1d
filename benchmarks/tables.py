"""Figures as Markdown tables, each with the ratios that the targets speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.figures import Figures
    from benchmarks.plan import Case

__all__ = ["NAMES", "tables"]


NAMES = {
    "limit": "the limit",
    "ours:typed": "**trio-k8swatch**, struct of the metadata",
    "ours:own": "**trio-k8swatch**, own small struct",
    "ours:dynamic": "**trio-k8swatch**, `DynamicObject`",
    "aio": "**trio-k8swatch**, struct of the metadata, in asyncio (`aio`)",
    "threads": "**trio-k8swatch**, struct of the metadata, in threads (`blocking`)",
    "lightkube": "lightkube",
    "lightkube:asyncio": "lightkube, asyncio",
    "official": "official client, `SharedInformer`",
    "kubernetes_asyncio": "kubernetes_asyncio",
    "kr8s": "kr8s",
    "imports:trio_k8swatch": "`trio_k8swatch`",
    "imports:trio,httpx,msgspec,prometheus_client": "trio, httpx, msgspec, prometheus-client",
}
_KIB = 1024
_FRAMINGS = {
    "event": "one event a chunk",
    "packed": "2,048-byte chunks",
    "proxy": "32 KiB chunks",
}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _cells(results: dict[Case, Figures], table: str) -> dict[str, dict[str, Figures]]:
    """Driver → cell → figures, of one table, in the order of the plan."""
    found: dict[str, dict[str, Figures]] = {}
    for case, figures in results.items():
        if case.table == table:
            found.setdefault(case.driver, {})[case.cell] = figures
    return found


def _ratio(value: float | None, base: float | None) -> str:
    return f"{value / base:.2f}" if value and base else ""


def _cpu(figures: Figures | None) -> float | None:
    return figures.cpu_us.median if figures and figures.cpu_us else None


def _list_cpu(figures: Figures | None) -> float | None:
    return figures.list_cpu_us.median if figures and figures.list_cpu_us else None


def _against_limit(
    results: dict[Case, Figures], table: str, label: Callable[[str], str], cpu: Callable[[Figures | None], float | None]
) -> str:
    drivers = _cells(results, table)
    cells = list(dict.fromkeys(cell for row in drivers.values() for cell in row))
    head = [""]
    for cell in cells:
        head += [label(cell), "of the limit"]
    rows: list[list[str]] = []
    for driver, row in drivers.items():
        line = [NAMES[driver]]
        for cell in cells:
            value = cpu(row.get(cell))
            line += [_number(value), _ratio(value, cpu(drivers.get("limit", {}).get(cell)))]
        rows.append(line)
    return _table(head, rows)


def _watch(results: dict[Case, Figures]) -> str:
    return _against_limit(results, "watch", lambda cell: _FRAMINGS[cell], _cpu)


def _tls(results: dict[Case, Figures]) -> str:
    return _against_limit(results, "tls", lambda cell: _FRAMINGS[cell], _cpu)


def _scale(results: dict[Case, Figures]) -> str:
    drivers = _cells(results, "scale")
    rows: list[list[str]] = []
    for driver, row in drivers.items():
        base = _cpu(next(iter(row.values())))
        rows += [
            [f"{NAMES[driver]}, {cell} objects", _number(_cpu(f)), _ratio(_cpu(f), base)] for cell, f in row.items()
        ]
    return _table(["", "µs per event", "ratio"], rows)


def _paced(results: dict[Case, Figures]) -> str:
    drivers = {driver: next(iter(row.values())) for driver, row in _cells(results, "paced").items()}
    limit = drivers.get("limit")
    rows = [
        [
            NAMES[driver],
            _number(_cpu(found)),
            _ratio(_cpu(found), _cpu(limit)),
            _number(found.latency_p50_us),
            _number(found.latency_p99_us),
            _ratio(found.latency_p99_us, limit.latency_p99_us if limit else None),
        ]
        for driver, found in drivers.items()
    ]
    head = ["", "CPU µs per event", "of the limit", "latency p50, µs", "latency p99, µs", "p99, of the limit"]
    return _table(head, rows)


def _list(results: dict[Case, Figures], table: str) -> str:
    return _against_limit(results, table, lambda cell: f"{cell} pods, µs per pod", _list_cpu)


def _memory(results: dict[Case, Figures]) -> str:
    rows: list[list[str]] = []
    for table in ("list", "streaming list"):
        for driver, row in _cells(results, table).items():
            for cell, found in row.items():
                if found.kept_bytes is None or found.peak_above_kept_bytes is None:
                    continue
                name = f"{NAMES[driver]}, {table} of {cell}"
                above = found.peak_above_kept_bytes / _KIB / _KIB
                rows.append([name, _number(found.kept_bytes / _KIB), _number(above), _number(found.list_wall_s)])
    return _table(["", "kept, KiB per pod", "peak above kept, MiB", "wall, s"], rows)


def _hold(results: dict[Case, Figures]) -> str:
    labels = {"longest_hold_ms": "ms held", "longest_farewell_ms": "ms to leave", "handler_calls": "handler calls"}
    labels |= {"new_objects": "new objects", "longest_collection_ms": "ms of garbage collection"}
    rows = [
        [f"{cell}, {NAMES[driver]}", ", ".join(f"{_number(v)} {labels[k]}" for k, v in (found.others or {}).items())]
        for driver, row in _cells(results, "hold").items()
        for cell, found in row.items()
    ]
    return _table(["", "at most"], rows)


def _import(results: dict[Case, Figures]) -> str:
    drivers = {driver: _list_cpu(next(iter(row.values()))) for driver, row in _cells(results, "import").items()}
    base = drivers.get("imports:trio,httpx,msgspec,prometheus_client")
    rows = [[NAMES[d], _number(cpu / 1_000 if cpu else None), _ratio(cpu, base)] for d, cpu in drivers.items()]
    return _table(["", "CPU ms", "of what it stands on"], rows)


def tables(results: dict[Case, Figures]) -> dict[str, str]:
    """Name → Markdown, of the tables for which something was measured."""
    measured = {case.table for case in results}
    made = {
        "watch": _watch,
        "tls": _tls,
        "scale": _scale,
        "paced": _paced,
        "list": lambda r: _list(r, "list"),
        "streaming list": lambda r: _list(r, "streaming list"),
        "hold": _hold,
        "import": _import,
    }
    found = {name: make(results) for name, make in made.items() if name in measured}
    if "list" in measured:
        found["memory"] = _memory(results)
    return found
