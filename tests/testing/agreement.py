"""Prints how many of the recorded writes the fake answers as the real server did, as a table for docs/testing.md."""

from __future__ import annotations

import sys

from testing.wire_writes import CASES, comparable, exchanges, replay


def table() -> str:
    """A line for each file of recordings."""
    answers = replay()
    counts = {name: [0, 0, 0] for name in CASES}
    for name, i, exchange in exchanges():
        answer = answers[name, i]
        same_status = answer.status == exchange.status
        same = same_status and comparable(answer.body) == comparable(exchange.body or b"")
        for place, hit in enumerate((True, same_status, same)):
            counts[name][place] += hit
    lines = ["| recordings | exchanges | same status | same body |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {' | '.join(map(str, row))} |" for name, row in counts.items()]
    total = [sum(row[place] for row in counts.values()) for place in range(3)]
    return "\n".join([*lines, f"| all | {' | '.join(map(str, total))} |"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
