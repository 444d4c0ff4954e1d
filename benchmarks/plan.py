"""What is measured: which driver does which task against which replay, and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["CASES", "PEERS", "Case", "plan"]


@dataclass(frozen=True)
class Case:
    """One driver in one cell of a table. `driver` may name a type after a colon: `ours:typed`."""

    table: str
    cell: str
    driver: str
    what: str
    objects: int = 2_000
    events: int = 0
    framing: str = "event"
    rate: float = 0
    changing_lists: bool = False
    tls: bool = False
    gzip: bool = False
    managed: bool = True
    every: int = 500
    warm: int = 1_000
    repeats: int = 1

    @property
    def module(self) -> str:
        return self.driver.partition(":")[0]

    @property
    def kind(self) -> str:
        return self.driver.partition(":")[2]


PEERS = {
    "lightkube": "lightkube",
    "lightkube:asyncio": "lightkube",
    "official": "kubernetes",
    "kubernetes_asyncio": "kubernetes_asyncio",
    "kr8s": "kr8s",
}
"""Driver → the distribution that has to be installed for it."""

_OURS = ("ours:typed", "ours:own", "ours:dynamic")
_OURS_AND_LIMIT = ("limit", *_OURS)
# So slow that fewer events make segments of the same length.
_SLOW = {"official": 10, "kubernetes_asyncio": 20, "kr8s": 40, "lightkube": 3, "lightkube:asyncio": 3}


def _watch(table: str, cell: str, driver: str, **options: object) -> Case:
    slowness = _SLOW.get(driver, 1)
    case = Case(table, cell, driver, "watch", events=20_000 // slowness, every=600 // slowness, warm=1_200 // slowness)
    return replace(case, **options)


def _watching() -> list[Case]:
    cases = [
        _watch("watch", framing, driver, framing=framing)
        for framing in ("event", "packed", "proxy")
        for driver in (*_OURS_AND_LIMIT, *(PEERS if framing != "proxy" else ()))
    ]
    cases += [
        _watch("tls", framing, driver, framing=framing, tls=True)
        for framing in ("event", "packed")
        for driver in _OURS_AND_LIMIT
    ]
    cases += [_watch("scale", f"{objects:,}", "ours:typed", objects=objects) for objects in (2_000, 200_000)]
    return cases


def _paced() -> list[Case]:
    return [
        Case("paced", "500/s", driver, "paced", events=2_500, rate=500, every=100, warm=200)
        for driver in (*_OURS_AND_LIMIT, "aio", "threads", "lightkube", "official")
    ]


def _listing() -> list[Case]:
    cases = [
        Case(table, f"{objects:,}", driver, what, objects=objects, repeats=3 if objects <= 20_000 else 1)
        for table, what in (("list", "list"), ("streaming list", "streaming_list"))
        for objects in (20_000, 100_000)
        for driver in _OURS_AND_LIMIT
    ]
    return cases + [
        Case("list", "20,000", driver, "list", objects=20_000 // slowness, repeats=2)
        for driver, slowness in _SLOW.items()
        if driver != "lightkube:asyncio"
    ]


def _staying_responsive() -> list[Case]:
    return [
        Case("hold", "list of 100,000", "ours:typed", "hold_list", objects=100_000),
        Case("hold", "list of 100,000", "ours:dynamic", "hold_list", objects=100_000),
        Case("hold", "streaming list of 100,000", "ours:typed", "hold_streaming_list", objects=100_000),
        Case("hold", "relist of 50,000, nothing new", "ours:typed", "hold_relist", objects=50_000),
        Case("hold", "relist of 50,000, all new", "ours:typed", "hold_relist", objects=50_000, changing_lists=True),
        Case("hold", "list of 20,000, cancelled", "ours:typed", "cancelled", objects=20_000),
        Case("hold", "burst of 20,000 events", "ours:typed", "hold_burst", events=20_000),
    ]


def _importing() -> list[Case]:
    return [
        Case("import", "import", driver, "import", objects=0, repeats=1)
        for driver in ("imports:trio_k8swatch", "imports:trio,httpx,msgspec,prometheus_client")
    ]


CASES = {
    "watch": _watching,
    "paced": _paced,
    "list": _listing,
    "hold": _staying_responsive,
    "import": _importing,
}


def plan(only: list[str], *, quick: bool) -> list[Case]:
    """The cases of the named groups, or of all; `quick`: a tenth of the work, for a look rather than a figure."""
    cases = [case for name, make in CASES.items() if not only or name in only for case in make()]
    return [_quick(case) for case in cases] if quick else cases


def _quick(case: Case) -> Case:
    return replace(
        case,
        events=case.events // 4,
        objects=case.objects if case.objects <= 2_000 else case.objects // 10,
        every=case.every // 2,
        warm=case.warm // 2,
        repeats=1,
    )
