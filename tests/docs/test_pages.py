"""What the documentation says works."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import trio
from docs.pages import blocks, messy_cluster, run_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
async def test_every_example_runs(
    path: Path, autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All Python blocks of all pages, as they stand, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    await run_page(path, autojump_clock)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
async def test_every_example_runs_in_an_ordinary_cluster(
    path: Path, autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing has the names of the examples, some pods wait for a node, and fields are missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    await run_page(path, autojump_clock, cluster=messy_cluster)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```python\nassert 1 == 2\n```\n", "page.md:2"),
        ("```python\nprint(1)\n```\n\n<!-- prints -->\n```text\n2\n```\n", "page.md:7"),
        ("<!-- setup\nassert 1 == 2\n-->\n", "page.md:2"),
        ("```python\nasync def test_it():\n    assert 1 == 2\n```\n", "page.md:3"),
        ("<!-- endless -->\n```python\npass\n```\n", "page.md:3: endless or not?"),
        ("```python\nimport trio\nawait trio.sleep_forever()\n```\n", "page.md:2: endless or not?"),
    ],
)
async def test_an_example_that_is_wrong_fails(
    page: str, complaint: str, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The pages are checked by something that can say no, and says where."""
    path = tmp_path / "page.md"
    path.write_text(page)

    with pytest.raises(AssertionError) as caught:
        await run_page(path, autojump_clock)

    last = caught.traceback[-1]
    assert complaint in f"{last.path}:{last.lineno + 1} {caught.value}"


def test_blocks_keep_their_place() -> None:
    """A block in a list loses its indentation and keeps its line."""
    page = "1. First\n\n   ```python\n   if True:\n       pass\n   ```\n\n<!-- not run: why -->\n```python\nx\n```\n"

    first, second = blocks(page)

    assert (first.line, first.text) == (
        4,
        textwrap.dedent("""\
        if True:
            pass
        """),
    )
    assert (second.line, second.text, second.note) == (10, "x\n", "not run: why")
