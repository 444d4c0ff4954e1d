"""The page about the command line, held against the command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from trio_k8swatch.cli._commands import commands

PAGE = (Path(__file__).parent.parent.parent / "docs" / "cli.md").read_text()
EXAMPLES = re.findall(r"^\$ trio-k8swatch (\w+) ([^|>#\n]*)", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize(("name", "arguments"), EXAMPLES)
def test_examples_are_understood(name: str, arguments: str) -> None:
    """Every command that the page shows, with its options."""
    assert commands.commands[name].make_context(name, shlex.split(arguments.removesuffix(" &"))).params


def test_every_option_is_explained() -> None:
    """And none that does not exist."""
    watch = commands.commands["watch"]
    known = {option for parameter in watch.params if isinstance(parameter, click.Option) for option in parameter.opts}
    explained = set(re.findall(r"`(--?[a-zA-Z][a-z-]*)", PAGE.partition("## Options")[2].partition("\n## ")[0]))
    assert explained == known | {"-h", "--help"}
