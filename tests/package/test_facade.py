"""The public names are exactly those that were meant, documented, and quick to import."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import trio_k8swatch

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
MODULES = [
    "trio_k8swatch",
    "trio_k8swatch.aio",
    "trio_k8swatch.blocking",
    "trio_k8swatch.connect",
    "trio_k8swatch.controller",
    "trio_k8swatch.lease",
    "trio_k8swatch.namespaces",
    "trio_k8swatch.shard",
    "trio_k8swatch.testing",
]

CONTRACT = {
    "open_client",
    "ApiClient",
    "Resource",
    "Client",
    "Accessors",
    "ListOptions",
    "open_watch",
    "InitMode",
    "HandlerFuncs",
    "WatchConfig",
    "TimeRange",
    "Adaptive",
    "Backoff",
    "Store",
    "RelistTicket",
    "Listener",
    "Index",
    "NameIndex",
    "FlatNameIndex",
    "KeyIndex",
    "IndexedStore",
    "Metrics",
    "MetricsConfig",
    "DynamicObject",
    "ObjectMeta",
    "OwnerReference",
    "ListMeta",
    "PartialObjectMetadata",
    "K8sWatchError",
    "ApiError",
    "Expired",
    "Unauthorized",
    "Forbidden",
    "NotFound",
    "Conflict",
    "AlreadyExists",
    "Invalid",
    "Unsupported",
    "TooManyRequests",
    "Unavailable",
    "ProtocolError",
    "ConfigError",
    "WatchStopped",
}
"""What programs rely on, whatever else comes and goes."""

BESIDE = {
    "Added",
    "Modified",
    "Deleted",
    "Bookmark",
    "Failure",
    "WatchEvent",
    "EventStream",
    "Listing",
    "Change",
    "Policy",
    "Met",
    "Gone",
    "Health",
    "State",
    "Status",
    "ListStrategy",
    "RetryPolicy",
    "RebuildableIndex",
    "Recorder",
    "NotWatchable",
    "StaleError",
    "Probe",
    "probe",
    "model",
}
"""What this library has beyond that."""


def public(module_name: str) -> list[tuple[str, object]]:
    module = importlib.import_module(module_name)
    return [(f"{module_name}.{name}", getattr(module, name)) for name in module.__all__]


EVERYTHING = [pair for module in MODULES for pair in public(module)]
DEFINED = [(name, thing) for name, thing in EVERYTHING if inspect.isclass(thing) or inspect.isroutine(thing)]


def test_the_facade_is_what_was_meant() -> None:
    """A name more is a promise more; a name less is somebody's broken program."""
    assert set(trio_k8swatch.__all__) == CONTRACT | BESIDE


@pytest.mark.parametrize("module", MODULES)
def test_all_names_each_thing_once(module: str) -> None:
    """And nothing private."""
    names = importlib.import_module(module).__all__

    assert len(set(names)) == len(names)
    assert all(not name.startswith("_") for name in names)


@pytest.mark.parametrize(("name", "thing"), DEFINED, ids=[name for name, _ in DEFINED])
def test_every_public_thing_has_a_docstring_of_its_own(name: str, thing: object) -> None:
    """Not that of `object`, of a base class, or one that msgspec or dataclass has made of the fields."""
    doc = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__

    assert doc, name
    assert not doc.startswith(f"{name.rpartition('.')[2]}("), name


@pytest.mark.parametrize("name", sorted(trio_k8swatch.__all__))
def test_names_say_where_they_are_imported_from(name: str) -> None:
    """In tracebacks, reprs and the reference, nobody is sent to a private module."""
    thing = getattr(trio_k8swatch, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert thing.__module__ == "trio_k8swatch"


def documented() -> set[str]:
    """What the pages of the reference show, by full name."""
    found: set[str] = set()
    for page in REFERENCE.glob("*.rst"):
        module = ""
        for directive, name in re.findall(r"^\.\. ([\w-]+):: ([\w.]+)", page.read_text(), re.MULTILINE):
            if directive in {"module", "currentmodule", "py:module", "py:currentmodule"}:
                module = name
            elif directive.startswith("auto"):
                found.add(name if name.startswith("trio_k8swatch.") else f"{module}.{name}")
    return found


def test_every_public_name_is_in_the_reference() -> None:
    """And nothing else is: the reference is what is promised."""
    names = {name for name, _ in EVERYTHING}

    assert names - documented() == set()
    assert documented() - names == EXTRA


EXTRA = {
    f"trio_k8swatch.testing.{name}"
    for name in (
        "assertions",
        "builders",
        "demo.demo_cluster",
        "faults.When",
        "simulation.Pace",
        "simulation.Simulation",
    )
}
"""Modules that are documented as a whole."""


def test_importing_the_package_loads_nothing_for_tests_or_terminals() -> None:
    """A program that watches pays for watching."""
    unwanted = {"click", "h2", "jsonpatch", "pytest", "respx", "rich", "trustme"}
    # httpx itself loads what its own command line would need, where that is installed.
    code = "import sys, httpx; before = {*sys.modules}; import trio_k8swatch.connect; print(*{*sys.modules} - before)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )

    assert "trio_k8swatch.connect" in loaded
    assert not loaded & (unwanted | {"trio_k8swatch.cli", "trio_k8swatch.testing", "trio_k8swatch.blocking"})


@pytest.mark.parametrize("name", sorted(trio_k8swatch.__all__))
def test_annotations_can_be_read_from_outside(name: str) -> None:
    """By tools that build documentation, forms or other types from them."""
    thing = getattr(trio_k8swatch, name)
    if inspect.isclass(thing):
        typing.get_type_hints(thing)
