"""`python -m benchmarks`: measure, print the tables, and put them into the documentation."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.chart import bars
from benchmarks.figures import figures, reference_ns
from benchmarks.plan import CASES, plan
from benchmarks.runner import run_all
from benchmarks.tables import NAMES, tables

if TYPE_CHECKING:
    from benchmarks.figures import Figures
    from benchmarks.plan import Case

_DOCS = Path(__file__).parent.parent / "docs"
_PAGE = _DOCS / "performance.md"
_CHART = _DOCS / "performance.svg"


def _into_page(made: dict[str, str]) -> None:
    """Replace what stands between `<!-- bench: name -->` and `<!-- end -->`; the words around it are left alone."""
    page = _PAGE.read_text()
    for name, table in made.items():
        pattern = re.compile(rf"(<!-- bench: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = pattern.sub(lambda match, table=table: f"{match[1]}{table}{match[2]}", page)
    _PAGE.write_text(page)


def _chart(results: dict[Case, Figures]) -> str | None:
    rows = [
        (NAMES[case.driver].replace("*", "").replace("`", ""), found.cpu_us.median, case.driver.startswith("ours"))
        for case, found in results.items()
        if case.table == "watch" and case.cell == "packed" and found.cpu_us
    ]
    return bars("One watch event of a 5.9 KiB pod", "CPU µs", rows) if rows else None


def main() -> None:
    if sys.argv[1:2] == ["shards"]:
        from benchmarks import shards

        shards.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["many"]:
        from benchmarks import many

        many.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["fake"]:
        from benchmarks import fake

        fake.main(sys.argv[2:])
        return
    if "--real" in sys.argv:
        from benchmarks.real import run

        run.main(sys.argv[1:])
        return
    if sys.argv[1:2] == ["targets"]:
        from benchmarks import targets

        targets.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["queue"]:
        from benchmarks import queue

        # It has no server and no peers in Python.
        queue.main([int(count) for count in sys.argv[2:]] or [100_000])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *CASES], help="which groups to measure; all, if none is named")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: for a look, not for a figure")
    parser.add_argument("--rounds", type=int, default=None, help="how often every case is run (5, quick 2)")
    parser.add_argument("--peers", type=Path, help="a directory with a virtual environment for each peer")
    parser.add_argument("--ours-only", action="store_true", help="leave the peers out")
    parser.add_argument("--docs", action="store_true", help="put the tables and the chart into the documentation")
    parser.add_argument("--json", type=Path, help="write all figures here, too")
    arguments = parser.parse_args()
    cases = plan(arguments.only, quick=arguments.quick)
    if arguments.ours_only:
        cases = [case for case in cases if case.module in {"ours", "aio", "threads", "limit", "imports"}]
    runs = run_all(cases, arguments.rounds or (2 if arguments.quick else 5), arguments.peers)
    reference = reference_ns(runs)
    results = {case: figures(found, case.objects or 1, reference) for case, found in runs.items()}
    made = tables(results)
    for name, table in made.items():
        print(f"### {name}\n\n{table}")
    if arguments.json:
        found = [asdict(case) | {"figures": asdict(figure)} for case, figure in results.items()]
        arguments.json.write_text(json.dumps({"reference_ns": reference, "cases": found}, indent=1))
    if arguments.docs:
        _into_page(made)
        if chart := _chart(results):
            _CHART.write_text(chart)


if __name__ == "__main__":
    main()
