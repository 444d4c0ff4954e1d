"""A short, fixed run of the fuzzing that `nox -s fuzz` does at length: the same inputs each time."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest
from fuzz.corpus import FOUND, seeds
from fuzz.mutations import mutated
from fuzz.oracle import Excess, check
from fuzz.readers import READERS

from trio_k8swatch import ConfigError

MUTANTS = 150


@pytest.fixture(autouse=True)
def _traced_here_only() -> Iterator[None]:
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("name", READERS)
def test_a_reader_keeps_its_bounds(name: str) -> None:
    """Seeds, inputs that once broke it, and what accidents make of them: the library's own errors, in little time and memory."""
    everyday, rng = seeds(name), random.Random(name)
    for data in [*everyday, *(mutated(everyday, rng) for _ in range(MUTANTS))]:
        check(READERS[name], data)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_what_it_is_for(name: str) -> None:
    """There are everyday inputs that it takes without an error: the run above does not stop at the first byte."""
    taken = 0
    for data in seeds(name):
        try:
            READERS[name](data)
        except Exception:  # noqa: BLE001 - counted
            continue
        taken += 1

    assert taken


def test_what_was_found_names_a_reader() -> None:
    """Else nobody would read it again."""
    assert {path.name.partition(".")[0] for path in FOUND.iterdir()} <= {*READERS}


def _leak(data: bytes) -> None:
    raise KeyError(data)


def _bomb(data: bytes) -> None:
    bytearray(64 * 2**20)


def _two_lines(data: bytes) -> None:
    error = ConfigError("one")
    error.args = ("one\ntwo",)
    raise error


@pytest.mark.parametrize(("reader", "raised"), [(_leak, KeyError), (_bomb, Excess), (_two_lines, Excess)])
def test_the_oracle_can_fail(reader: object, raised: type[Exception]) -> None:
    """On a foreign error, on memory, and on a message of two lines."""
    with pytest.raises(raised):
        check(reader, b"x")  # type: ignore[arg-type]
