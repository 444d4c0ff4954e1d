"""Asks the fake what was asked of the real server, and counts: `python -m testing.comparison.compare [FILE …] [--show CLASS]`."""

from __future__ import annotations

import argparse
import json
import lzma
import sys
from collections import Counter
from pathlib import Path

import httpx
import trio
import trio.testing
from testing.comparison.answers import answered, prepare
from testing.comparison.asks import Ask
from testing.comparison.classes import CLASSES, class_of, differences, diverged

from trio_k8swatch.testing import FakeApiServer

RECORDED = tuple(Path(__file__).with_name(name) for name in ("recorded.json.xz", "recorded_applies.json.xz"))


def recorded(*files: Path) -> list:
    """The episodes of these files, or of all that are kept: each a list of requests and the real server's answers."""
    return [episode for file in files or RECORDED for episode in json.loads(lzma.decompress(file.read_bytes()))]


def compared(episodes) -> list[tuple[Ask, dict, dict, str]]:
    """Request, real answer, fake answer and class; of each episode as far as the states are the same."""
    return trio.run(_compare, episodes, clock=trio.testing.MockClock(autojump_threshold=0))


async def _compare(episodes):
    results = []
    fake = FakeApiServer()
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://fake", timeout=None) as client:
        await prepare(client)
        for episode in episodes:
            for one in episode:
                ask, real = Ask(**one["ask"]), one["answer"]
                answer = json.loads(json.dumps(await answered(client, ask)))
                results.append((ask, real, answer, class_of(real, answer)))
                if diverged(real, answer):
                    break
    return results


def table(results) -> str:
    """A line for each area, for docs/testing.md."""
    counts = {}
    for ask, _, _, found in results:
        counts.setdefault(ask.area, Counter())[found] += 1
    counts["all"] = sum(counts.values(), Counter())
    lines = [f"| requests | asked | {' | '.join(CLASSES)} |", "|---" * (len(CLASSES) + 2) + "|"]
    for area, one in counts.items():
        lines.append(f"| {area} | {one.total()} | {' | '.join(str(one[name]) for name in CLASSES)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="*")
    parser.add_argument("--show", action="append", default=[])
    parser.add_argument("--area", default="")
    parser.add_argument("--most", type=int, default=20)
    options = parser.parse_args()
    results = compared(recorded(*options.file))
    write = sys.stdout.write
    shown = 0
    for ask, real, fake, found in results:
        if found in options.show and options.area in ask.area and shown < options.most:
            shown += 1
            body = json.dumps(ask.edits if ask.edits is not None else ask.text if ask.text is not None else ask.body)
            write(f"\n## {found} {ask.area}: {ask.method} {ask.path}?{ask.query} {ask.content_type} {ask.accept}\n")
            write(f"   {body[:500]}\n   R {real['status']} F {fake['status']} {real['headers']} {fake['headers']}\n")
            for line in differences(real["body"], fake["body"]):
                write(f"   {line}\n")
    write("\n" + table(results))


if __name__ == "__main__":
    main()
