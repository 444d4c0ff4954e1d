"""The rooms of the package: imports run one way, doors are used, and no folder is crowded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trio_k8swatch"
NAME = "trio_k8swatch"

GROUND = {
    "_backoff_curves", "_deadline_precision", "_errors", "_exception_groups", "_extras", "_list_options", "_micro_time", "_model", "_object_meta", "_observed_writes", "_pager", "_resource_version",
    "_runtime",
}  # fmt: skip
"""Modules that every room may stand on."""

ROOMS = {
    "_wire": set[str](),
    "_metrics": set[str](),
    "_config": {"_metrics"},
    "_store": {"_wire", "_metrics"},
    "_reflector": {"_config", "_store", "_wire", "_metrics"},
    "connect": set[str](),
    "discovery": set[str](),
    "_http": {"_wire", "connect"},
    "_open": {"_config", "_reflector", "_store", "_wire", "_metrics"},
}
"""What each room may import besides the ground. Any other package is a door, which may import all of these."""

MOST_FILES = 18


def imports(module: str, text: str, *, is_package: bool, modules: Iterable[str]) -> Iterator[str]:
    """The modules of this package that `text` imports, wherever in it that stands."""
    known = {*modules}
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def sources() -> dict[str, Path]:
    """Every module, by its dotted name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def graph() -> dict[str, set[str]]:
    """Which module imports which."""
    found = sources()
    return {
        module: {
            used
            for used in imports(module, path.read_text(), is_package=path.name == "__init__.py", modules=found)
            if used in found and used != module
        }
        for module, path in found.items()
    }


def room(module: str) -> str:
    """The part of the package that a module belongs to; empty for the facade."""
    return [*module.split("."), ""][1]


def against_the_river(uses: Mapping[str, set[str]]) -> list[str]:
    """Imports that run the wrong way, or reach past the face of a room."""
    wrong: list[str] = []
    for module, used in uses.items():
        here = room(module)
        for other in used:
            there = room(other)
            if here in {there, "", "__main__"}:
                continue
            if (here in GROUND and there not in GROUND) or (here in ROOMS and there not in GROUND | ROOMS[here]):
                wrong.append(f"{module} -> {other}")
            elif there in {"_wire", "_store", "_reflector", "_http", "_metrics"} and other.count(".") > 1:
                wrong.append(f"{module} -> {other}, which is inside a room")
    return wrong


def test_imports_run_one_way() -> None:
    """From the doors by the reflector, the store and the wire to the ground, through the faces of the rooms."""
    assert against_the_river(graph()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("trio_k8swatch._wire.lines", "from trio_k8swatch._store import Cache"),
        ("trio_k8swatch._store.atomic_cache", "from trio_k8swatch._http import ApiClient"),
        ("trio_k8swatch._reflector.next_step", "from trio_k8swatch._http import ApiClient"),
        ("trio_k8swatch._errors", "from ._wire import Page"),
        ("trio_k8swatch._http.gate", "from trio_k8swatch._reflector import Reflector"),
        ("trio_k8swatch.blocking._open", "from trio_k8swatch._store.atomic_cache import Cache"),
        ("trio_k8swatch._store.deltas", "def f():\n    from trio_k8swatch import open_watch"),
    ],
)
def test_an_import_against_the_river_is_found(module: str, line: str) -> None:
    """The test above can fail: on a planted import, also inside a function, and on one past a face."""
    planted = {*imports(module, line, is_package=False, modules=sources())}

    assert against_the_river({module: planted})


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Nor for types only: what needs a circle to be typed is not apart."""
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_folder_is_crowded() -> None:
    """A listing is read at a glance."""
    folders = [PACKAGE, *(folder for folder in PACKAGE.rglob("*") if folder.is_dir())]
    crowded = {str(folder): count for folder in folders if (count := len([*folder.glob("*.py")])) > MOST_FILES}

    assert crowded == {}


def test_a_module_opens_with_one_sentence() -> None:
    """It says what the module knows. What needs a second thing to say is a second module."""
    wrong = []
    for module, path in sources().items():
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        first = text.partition("\n\n")[0]
        if not first.endswith((".", "?")) or len(re.findall(r"[.!?](?:\s|$)", first)) != 1:
            wrong.append(module)

    assert wrong == []


def test_every_room_says_what_may_be_imported_from_it() -> None:
    """The face of a room lists its names, and is nothing but imports."""
    for name in ("_wire", "_store", "_reflector", "_http", "_metrics"):
        tree = ast.parse((PACKAGE / name / "__init__.py").read_text())

        assert all(isinstance(node, (ast.Expr, ast.ImportFrom, ast.Assign)) for node in tree.body), name
        assert any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body), (
            name
        )


def test_constants_and_loggers_are_written_one_way() -> None:
    """A module's own constant is `_NAME: Final`, its logger `_log`."""
    wrong: list[str] = []
    for module, path in sources().items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and re.fullmatch(r"_?[A-Z][A-Z0-9_]+", ast.unparse(node.targets[0])):
                wrong.append(f"{module}: {ast.unparse(node.targets[0])}")
        if re.search(r"^(?!_log: Final = )\w+.* = logging.getLogger", path.read_text(), re.MULTILINE):
            wrong.append(f"{module}: its logger")

    assert wrong == []


@pytest.mark.parametrize("page", ["docs/explanation/route.md", "CONTRIBUTING.md"])
def test_pages_about_the_code_name_files_that_exist(page: str) -> None:
    """A renamed file is renamed in the pages that lead to it."""
    text = (ROOT / page).read_text()
    named = {*re.findall(r"`(_\w+(?:/\w+)*)/?`", text), *re.findall(r"(?<=[ `])(_\w+(?:/\w+)+)", text)}
    missing = [name for name in named if not (PACKAGE / name).is_dir() and not (PACKAGE / f"{name}.py").is_file()]

    assert len(named) > 5
    assert missing == []


def test_contributing_names_every_room() -> None:
    """Who looks for a room finds it in the table."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = [folder.name for folder in PACKAGE.iterdir() if folder.is_dir() and folder.name != "__pycache__"]

    assert [name for name in rooms if f"`{name}/`" not in text] == []


def test_the_route_is_the_order_of_the_imports() -> None:
    """The steps of the page's list are imported in its order, so that no step can call one before it."""
    steps = re.findall(r"\*\*`(_\w+/\w+(?:/\w+)?)`\*\*", (ROOT / "docs/explanation/route.md").read_text())
    uses = graph()
    reached = {
        step: {
            other for other in steps if f"{NAME}.{step.replace('/', '.')}" in uses[f"{NAME}.{other.replace('/', '.')}"]
        }
        for step in steps
    }

    assert len(steps) > 6
    # Nothing in the store or the wire imports the reflector; nothing in the wire imports the store.
    order = {"_http": 0, "_reflector": 1, "_store": 2, "_wire": 3}
    for step, importers in reached.items():
        assert all(order[other.split("/")[0]] <= order[step.split("/")[0]] for other in importers), step
