"""The README's commands are the ones that are tried."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from docs.pages import blocks
from prometheus_client import CollectorRegistry

from trio_k8swatch import Metrics
from trio_k8swatch.controller import ControllerMetrics

ROOT = Path(__file__).parents[2]
COMMANDS = [block.text.strip() for block in blocks((ROOT / "README.md").read_text()) if block.language == "console"]
HOW_TO = ROOT / "docs" / "how-to"


def test_ci_runs_the_readmes_test_command() -> None:
    """So that neither can rot without the other."""
    [command] = [command for command in COMMANDS if "pytest" in command]

    assert command in (ROOT / ".ci" / "run").read_text().splitlines()
    assert command in (ROOT / "CONTRIBUTING.md").read_text()


def test_one_command_runs_the_main_job() -> None:
    """A line that installs what it needs, and needs no cluster."""
    [command] = [command for command in COMMANDS if "--demo" in command]

    assert "\n" not in command
    assert "pip install" in command


def metric_names() -> set[str]:
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
    families = Metrics("app_watch", CollectorRegistry()).describe()
    return {family.name + suffix for family in families for suffix in suffixes[family.type]}


def test_dashboard_and_alerts_ask_for_metrics_that_there_are() -> None:
    """And the dashboard leaves none out."""
    dashboard = json.loads((HOW_TO / "dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    shown = set(re.findall(r"app_watch_\w+", asked))
    alerts = set(re.findall(r"app_watch_\w+", (HOW_TO / "metrics.md").read_text()))

    assert shown <= metric_names()
    assert alerts - {"app_watch_objects"} <= metric_names()
    assert {"app_watch_failing_current", "app_watch_staleness_seconds", "app_watch_objects"} <= shown


def test_the_dashboard_shows_the_queue_of_controllers() -> None:
    """By metrics that a controller has."""
    registry = CollectorRegistry()
    metrics = ControllerMetrics(registry)
    there = {sample.name for family in registry.collect() for sample in family.samples}
    there |= {family.name for family in metrics.collect()} | {f"{family.name}_total" for family in registry.collect()}
    there |= {f"{family.name}_bucket" for family in registry.collect() if family.type == "histogram"}
    dashboard = json.loads((HOW_TO / "dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    shown = set(re.findall(r"(?:workqueue|controller)_\w+", asked))

    assert shown <= there
    assert {"workqueue_depth", "workqueue_oldest_key_seconds", "controller_runtime_reconcile_total"} <= shown


def test_manifests_are_yaml_and_complete() -> None:
    """Every YAML block of the documentation is one that kubectl or Prometheus would read."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for block in blocks(page.read_text()):
            if block.language == "yaml":
                for document in yaml.safe_load_all(block.text):
                    assert {"apiVersion", "kind", "metadata"} <= document.keys() or "groups" in document, page


def test_the_role_allows_what_a_watch_does() -> None:
    """List and watch, and nothing else."""
    manifests = [block.text for block in blocks((HOW_TO / "in-cluster.md").read_text()) if block.language == "yaml"]
    [role] = [one for text in manifests for one in yaml.safe_load_all(text) if one["kind"] == "Role"]

    assert [rule["verbs"] for rule in role["rules"]] == [["list", "watch"]]


def proofs() -> list[str]:
    """The commands that the comparison names."""
    pages = [ROOT / "docs" / "comparison.md", ROOT / "README.md"]
    return [found for page in pages for found in re.findall(r"`(pytest [^`]+)`", page.read_text())]


@pytest.mark.parametrize("command", proofs())
def test_every_proof_finds_a_test(command: str) -> None:
    """A claim whose test has been renamed is a claim without proof."""
    _, path, *option = shlex.split(command)
    files = [ROOT / path] if path.endswith(".py") else list((ROOT / path).rglob("test_*.py"))
    names = [found for file in files for found in re.findall(r"def (test_\w+)", file.read_text())]

    assert names
    for word in re.split(r" or ", option[1]) if option else []:
        assert any(word in name for name in names) or any(word in file.name for file in files), word


def test_the_readmes_figures_are_those_of_the_measurement() -> None:
    """Copied, and copied again when they are measured anew."""
    [row] = [row for row in (ROOT / "README.md").read_text().splitlines() if row.startswith("| **It is fast.**")]
    measured = re.findall(r"[\d,.]*\d", (ROOT / "docs" / "performance.md").read_text())
    figures = re.findall(r"[\d,.]*\d", row)

    assert len(figures) > 5
    assert set(figures) <= set(measured)


def test_publication_is_one_line_to_change() -> None:
    """Until then a wheel is built from a clone; only the README and the page on installing say how, in the same line."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = {page.name: line for page in pages for line in page.read_text().splitlines() if "PIP_FIND_LINKS" in line}

    assert set(found) == {"README.md", "install.md"}
    assert len({line.removeprefix("$ ") for line in found.values()}) == 1


def test_commands_install_extras_that_exist() -> None:
    """In every command of every page."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {
        extra
        for page in pages
        for group in re.findall(r"trio-k8swatch\[([a-z,]+)\]", page.read_text())
        for extra in group.split(",")
    }
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert named
    assert named <= set(extras)


def test_links_of_the_readme_lead_somewhere() -> None:
    """To files of this repository."""
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name}: {target}"
