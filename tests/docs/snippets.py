"""What a reader copies from a page, as modules that a type checker reads: `python -m docs.snippets FOLDER` writes them all.

A block that ends in `trio.run(...)`, has tests, or is saved in a file is complete: it becomes a module as it stands. The others of a page are
steps of one story, so each becomes a function inside the one before: it sees the names above it, and may use them anew.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from docs.pages import Block, blocks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_PROGRAM = re.compile(r"^(trio\.run\(|anyio\.run\(|asyncio\.run\(|(async )?def test_)", re.MULTILINE)

_STORY = '''\
"""The steps of {page}."""
# pyright: reportUnusedVariable=false, reportUnusedFunction=false, reportUnusedImport=false, reportUnusedClass=false
# pyright: reportUnusedExpression=false

from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import trio
from trio_k8swatch.testing import FakeApiServer

T = TypeVar("T")


async def enter(context: AbstractAsyncContextManager[T]) -> T: ...  # type: ignore[empty-body]  # pyright: ignore


async def story(fake: FakeApiServer) -> None:
'''


def is_program(block: Block) -> bool:
    """Whether it is complete."""
    return bool(_PROGRAM.search(block.text)) and block.note != "setup"


def modules(path: Path) -> Iterator[tuple[str, str]]:
    """The modules of one page: their names and their texts."""
    page = str(path.relative_to(ROOT))
    name = re.sub(r"\W", "_", page.removesuffix(".md").lower())
    steps: list[Block] = []
    for block in blocks(path.read_text()):
        if block.language != "python" or re.match("not run: (?!here)", block.note):
            continue
        if block.note.startswith("file: "):
            yield block.note.removeprefix("file: ").removesuffix(".py"), block.text
        elif is_program(block):
            # The first line says where it is from, at the cost of one line in the numbers.
            yield f"{name}_line_{block.line}", f"# {page}:{block.line}\n{block.text}"
        else:
            steps.append(block)
    if steps:
        yield f"{name}_steps", _STORY.format(page=page) + _nested(steps, page)


def _nested(steps: list[Block], page: str) -> str:
    text = ""
    for depth, block in enumerate(steps, 1):
        indent = "    " * depth
        body = re.sub(r"^( *)trio\.run\((\w+)\)$", r"\1await \2()", block.text, flags=re.MULTILINE)
        text += f"{indent}# {page}:{block.line}\n" + textwrap.indent(body, indent)
        if depth < len(steps):
            text += f"\n{indent}async def step_{depth}() -> None:\n"
    return text


def write(folder: Path) -> None:
    """Write all modules of all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in PAGES:
        for name, text in modules(path):
            target = folder / f"{name}.py"
            assert not target.exists(), f"{path}: another page has a file {target.name}"
            target.write_text(text)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.11"}\n')


if __name__ == "__main__":
    write(Path(sys.argv[1]))
