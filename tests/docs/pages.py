"""Markdown pages as programs: their Python blocks run one after the other, against a fake API server in virtual time.

A comment right above a block says what is special about it:

- `<!-- endless -->`: it runs until it is cancelled.
- `<!-- not run: why -->`: it needs something that is not here, or shows somebody else's code.
- `<!-- file: models.py -->`: it is saved under that name, and imported by blocks below.
- `<!-- prints -->`, above a text block: the Python block before it prints exactly that.

`<!-- setup` and a line break begin a comment that is itself run, for what a reader takes as given. A function in a
block called `test_…` is called with the fixtures it names. Every page begins with `fake`, a small cluster in motion, and may
put another in its place; a client opened without saying where is connected to that.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import itertools
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, cast

import trio

import trio_k8swatch
from trio_k8swatch.testing import FakeApiServer

__all__ = ["Block", "blocks", "messy_cluster", "run_page"]

ENDLESS_SECONDS = 300
"""Of virtual time: long enough for a loop to go round."""
CHANGE_SECONDS = 20
"""Between two changes of the small cluster."""

_PIECE = re.compile(
    r"""^<!--\ setup\n(?P<setup>.*?)^-->$
    | (?:^(?P<indent>\ *)<!--\ (?P<note>[^\n]*?)\ -->\n\s*?)?
      ^(?P<open>\ *)```(?P<language>[\w-]*)\n(?P<text>.*?)^\ *```$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Block:
    """One block of a page, `line` the line where its text begins."""

    line: int
    language: str
    text: str
    note: str = ""


def blocks(markdown: str) -> Iterator[Block]:
    """All blocks of a page, in order; a setup is a Python block."""
    for piece in _PIECE.finditer(markdown):
        kind = "setup" if piece["setup"] is not None else "text"
        line = markdown.count("\n", 0, piece.start(kind)) + 1
        if kind == "setup":
            yield Block(line, "python", piece["setup"], "setup")
        else:
            indent = len(piece["open"])
            text = "".join(row[indent:] if row.strip() else row for row in piece["text"].splitlines(keepends=True))
            yield Block(line, piece["language"], text, piece["note"] or "")


async def run_page(
    path: Path, clock: trio.testing.MockClock, *, cluster: Callable[[], FakeApiServer] | None = None
) -> None:
    """Run a page from top to bottom. What it defines is there for the blocks below.

    With a `cluster` it runs against that one, and may print what it likes.
    """
    page = await trio.Path(path).read_text()
    module = ModuleType(f"page_{re.sub(r'[^a-z0-9]', '_', path.stem.lower())}")
    sys.modules[module.__name__] = module  # where msgspec and dataclasses look annotations up
    printed = io.StringIO()
    names = vars(module)
    names["fake"] = (cluster or small_cluster)()
    async with connected(lambda: names["fake"]) as names["enter"]:
        for block in blocks(page):
            if block.note == "prints":
                assert cluster or printed.getvalue() == block.text, f"{path}:{block.line}"
            elif block.language == "python" and not block.note.startswith("not run: "):
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    await _run_block(block, path, names, clock)


async def _run_block(block: Block, path: Path, names: dict[str, Any], clock: trio.testing.MockClock) -> None:
    before = set(names)
    text = re.sub(r"^( *)trio\.run\((\w+)\)$", r"\1await \2()", block.text, flags=re.MULTILINE)
    text = text.replace(", 8080)", ", 0)")  # a reader's pod has its ports to itself; here any free one serves
    padded = "\n" * (block.line - 1) + text
    code = compile(padded, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if block.note == "setup":  # what it opens stays open, so no scope may end in here
        await _run(code, names)
    else:
        with trio.move_on_after(ENDLESS_SECONDS) as scope:
            await _run(code, names)
        assert scope.cancelled_caught == (block.note == "endless"), f"{path}:{block.line}: endless or not?"
    if block.note.startswith("file: "):
        saved = ModuleType(block.note.removeprefix("file: ").removesuffix(".py"))
        vars(saved).update({name: value for name, value in names.items() if not name.startswith("__")})
        sys.modules[saved.__name__] = saved
    for name in sorted(set(names) - before):
        if name.startswith("test_"):
            await _call_test(names[name], clock)


async def _run(code: CodeType, names: dict[str, Any]) -> None:
    awaitable = eval(code, names)
    if awaitable is not None:
        await awaitable


async def _call_test(test: Callable[..., Any], clock: trio.testing.MockClock) -> None:
    fixtures = {"fake_apiserver": FakeApiServer, "autojump_clock": lambda: clock}
    result = test(**{name: fixtures[name]() for name in inspect.signature(test).parameters})
    if inspect.isawaitable(result):
        await result


@contextlib.asynccontextmanager
async def connected(fake: Callable[[], FakeApiServer]) -> AsyncIterator[Callable[..., Any]]:
    """Lead every client that is opened without a transport of its own to `fake()`; yields what enters a context."""
    real = trio_k8swatch.open_client

    def open_client(*arguments: Any, **options: Any) -> Any:
        return real(*arguments, **{"transport": fake().transport(), **options})

    trio_k8swatch.open_client = cast("Any", open_client)
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield stack.enter_async_context
    finally:
        trio_k8swatch.open_client = real


def small_cluster() -> FakeApiServer:
    """Two nodes, and three pods of one deployment that change one after the other, for ever."""
    fake = FakeApiServer()
    for name in ("node-1", "node-2"):
        fake.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    deployment = fake.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": template},
        }
    )
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": deployment["metadata"]["uid"]}
    for number in range(3):
        fake.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"web-{number}",
                    "namespace": "default",
                    "labels": labels,
                    "ownerReferences": [owner | {"controller": True}],
                },
                "spec": template["spec"] | {"nodeName": f"node-{number % 2 + 1}"},
                "status": {"phase": "Running", "podIP": f"10.0.0.{number + 1}"},
            }
        )
    turns = itertools.count()

    def change() -> None:
        turn = next(turns)
        name = f"web-{turn % 3}"
        if fake.get("pods", name) is not None:
            fake.patch("pods", name, {"metadata": {"annotations": {"turn": str(turn)}}})
        fake.after(CHANGE_SECONDS, change)

    fake.after(CHANGE_SECONDS, change)
    return fake


def messy_cluster() -> FakeApiServer:
    """What a page meets in an ordinary cluster: other names, pods that wait for a node, fields that are not there."""
    fake = FakeApiServer()
    fake.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-a"}})
    containers = {"containers": [{"name": "main", "image": "main:1"}]}
    for name, more in {
        "pending": {"spec": containers, "status": {"phase": "Pending"}},
        "not-seen-yet": {"spec": containers},
        "running": {"spec": containers | {"nodeName": "worker-a"}, "status": {"phase": "Running", "podIP": "10.1.0.7"}},
        "evicted": {"spec": containers | {"nodeName": "worker-b"}, "status": {"phase": "Failed", "reason": "Evicted"}},
        "ending": {"spec": containers | {"nodeName": "worker-a"}, "status": {"phase": "Running"}},
    }.items():
        fake.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, **more})
    fake.delete("pods", "ending", grace_seconds=3600)
    return fake
