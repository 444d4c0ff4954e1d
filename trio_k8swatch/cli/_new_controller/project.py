"""A project from the files of `template`, which stand there as they are written, but for the name and a suffix `.txt`."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Final

__all__ = ["NotWritten", "write_project"]

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?")
"""What is a name of a Python distribution, of a Namespace and of an image, and leaves a label room for a prefix."""

_YAML_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""Unquoted, YAML reads them as something else than text."""


class NotWritten(Exception):
    """Nothing was written; the message says why."""


def write_project(name: str, folder: Path) -> list[Path]:
    """Write the project into `folder`, which must not be there yet; the files."""
    if not _NAME.fullmatch(name) or "--" in name or name in _YAML_WORDS:
        raise NotWritten(
            f"{name!r} cannot be the name: use at most 50 of a-z, 0-9 and -, a letter first, as in shop-controller"
        )
    try:
        folder.mkdir()
    except FileExistsError:
        raise NotWritten(f"{folder} is there already: choose another name, or remove it") from None
    except OSError as error:
        raise NotWritten(f"{folder} cannot be made: {error.strerror}") from None
    written: list[Path] = []
    for template in sorted(
        files("trio_k8swatch.cli._new_controller").joinpath("template").iterdir(), key=lambda one: one.name
    ):
        path = folder / template.name.removesuffix(".txt")
        path.write_text(template.read_text(encoding="utf-8").replace("{{name}}", name), encoding="utf-8")
        written.append(path)
    return written
