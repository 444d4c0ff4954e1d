"""Runs a module's tests on each of its mutants: `python -m mutation_testing [-j JOBS] [MODULE …]`, with `tools` on the path.

What the tests need of others is imported once; for each mutant the process is forked, and the mutant stands in the place of
the module, in memory only. Fails if a mutant survives that `explained.toml` does not explain, or explains one that is dead.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from mutation_testing.modules import EXPLAINED, ROOT, TESTS
from mutation_testing.mutations import Mutant, mutants

SECONDS = 40
"""Of processor time for the tests of a mutant: one that never ends is noticed, too."""

PATIENCE = 8
"""A mutant that waits for ever is given up after so many times what the tests take without a mistake."""

OPTIONS = [
    *("-p", "no:cacheprovider", "-p", "mutation_testing.quick"),
    # Tests of tests, which find mistakes of their own making whatever this one is.
    *("-k", "not fails_when and not fails_where and not laws_fail and not oracle_can_fail"),
    # Else pytest loads the package in its own way, past the mutant.
    "--assert=plain",
]


def main() -> int:
    """Count, print what survives."""
    parser = argparse.ArgumentParser(prog="mutation_testing")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    arguments = parser.parse_args()
    _import_what_tests_need()
    return max(_examine(module, arguments.jobs) for module in arguments.modules or TESTS)


def _examine(module: str, jobs: int) -> int:
    source = (ROOT / "trio_k8swatch" / module).read_text()
    unchanged = Mutant("unchanged", 0, ast.parse(source))
    began = time.monotonic()
    if not all(lives for _, lives in _run(module, [unchanged], 1)):
        print(f"{module}: its tests fail without a mistake", flush=True)
        return 1
    patience = max(SECONDS, int(PATIENCE * (time.monotonic() - began)))
    explained = EXPLAINED.get(module, {})
    alive: set[str] = set()
    several = [*mutants(source)]
    for mutant, lives in _run(module, several, jobs, patience):
        if lives:
            alive.add(mutant.name)
            if mutant.name not in explained:
                print(f"{module}, line {mutant.line}, {mutant.name}", flush=True)
    outdated = explained.keys() - alive
    print(*(f"{module}, explained, but not alive: {name}" for name in outdated), sep="\n", end="\n" if outdated else "")
    why = f"{len(alive & explained.keys())} of them explained"
    print(f"{module}: {len(several)} mutants, {len(alive)} survive, {why}", flush=True)
    return 1 if outdated or not alive <= explained.keys() else 0


def _run(module: str, several: Sequence[Mutant], jobs: int, patience: int = 600) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant, and whether it survives the tests."""
    running: dict[int, Mutant] = {}
    for mutant in several:
        if len(running) == jobs:
            yield _next(running)
        child = os.fork()
        if not child:
            _test(module, mutant, patience)
        running[child] = mutant
    while running:
        yield _next(running)


def _next(running: dict[int, Mutant]) -> tuple[Mutant, bool]:
    child, status = os.wait()
    return running.pop(child), status == 0


def _test(module: str, mutant: Mutant, patience: int) -> None:
    """In the child: run the tests, and end with whether they passed."""
    import pytest  # noqa: PLC0415 - not before the children

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    signal.alarm(patience)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    name = "trio_k8swatch." + module.removesuffix(".py").replace("/", ".")
    sys.meta_path.insert(0, _Instead(name, mutant.tree))
    status: int = 1
    with contextlib.suppress(BaseException):
        os.chdir(ROOT)
        os.environ["HYPOTHESIS_PROFILE"] = "mutants"
        status = pytest.main(["-x", "-q", *OPTIONS, *TESTS[module]])
    os._exit(status)


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports a module from a tree."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name = name
        self._tree = tree

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_source(self, fullname: str) -> str:
        return ast.unparse(self._tree)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, self._name, "exec"), vars(module))  # noqa: S102 - that is the point


def _import_what_tests_need() -> None:
    for name in ("hypothesis", "httpx", "httpcore", "h11", "msgspec", "pytest", "pytest_trio", "respx", "trio", "yaml"):
        importlib.import_module(name)
    assert "trio_k8swatch" not in sys.modules


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(code)
