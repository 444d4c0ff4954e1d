"""A bar chart as SVG, readable on light and on dark paper."""

from __future__ import annotations

import math
from html import escape

__all__ = ["bars"]

_WIDTH = 760
_LABEL = 300
_BAR = 22
_GAP = 10
_TOP = 46
_RIGHT = 90
_FONT = 'font-family="system-ui, sans-serif" font-size="14"'
_LIGHT = "text{fill:#24292f}.ours{fill:#1a7f37}.other{fill:#8c959f}"
_DARK = "text{fill:#e6edf3}.ours{fill:#3fb950}.other{fill:#6e7681}"


def bars(title: str, unit: str, rows: list[tuple[str, float, bool]]) -> str:
    """One bar for each (label, value, is ours), on a logarithmic scale: the differences are of orders of magnitude."""
    least = min(value for _, value, _ in rows) / 2
    span = math.log(max(value for _, value, _ in rows) / least)
    width = _WIDTH - _LABEL - _RIGHT
    height = _TOP + len(rows) * (_BAR + _GAP) + _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {_FONT}>',
        f"<title>{escape(title)}</title>",
        f"<style>{_LIGHT}@media(prefers-color-scheme:dark){{{_DARK}}}</style>",
        f'<text x="0" y="20" font-weight="600">{escape(title)}</text>',
        f'<text x="{_WIDTH}" y="20" text-anchor="end">{escape(unit)}, logarithmic</text>',
    ]
    for number, (label, value, is_ours) in enumerate(rows):
        top = _TOP + number * (_BAR + _GAP)
        long = width * math.log(value / least) / span
        middle = top + _BAR * 0.72
        look = "ours" if is_ours else "other"
        figure = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        lines += [
            f'<text x="{_LABEL - 12}" y="{middle:.0f}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{look}" x="{_LABEL}" y="{top}" width="{long:.0f}" height="{_BAR}" rx="3"/>',
            f'<text x="{_LABEL + long + 8:.0f}" y="{middle:.0f}">{figure}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
