"""What to type to install what an extra brings."""

from __future__ import annotations

import re
import shlex
from typing import Final

__all__ = ["install_command"]

_NAME: Final = "trio-k8swatch"


def install_command(extra: str) -> str:
    """A pip command that works wherever this package is installed from: it names the packages of the extra.

    Once trio-k8swatch is published, `pip install 'trio-k8swatch[EXTRA]'` does the same.
    """
    needed = _requirements(extra) or [f"{_NAME}[{extra}]"]
    return shlex.join(["pip", "install", *needed])


def _requirements(extra: str) -> list[str]:
    # Here: every start of the command line would pay for what is needed only where an extra is missing.
    from importlib.metadata import PackageNotFoundError, requires  # noqa: PLC0415

    try:
        declared = requires(_NAME) or []
    except PackageNotFoundError:
        return []
    marker = re.compile(rf"""\s*extra\s*==\s*['"]{re.escape(extra)}['"]\s*""")
    parts = (requirement.partition(";") for requirement in declared)
    return [name.strip() for name, _, condition in parts if marker.fullmatch(condition)]
