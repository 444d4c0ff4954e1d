"""The entry point of the command line, usable where its extra is not installed."""

from __future__ import annotations

import gc
import sys
from typing import Final

from trio_k8swatch._extras import install_command

__all__ = ["main"]

_EXTRA: Final = frozenset({"click", "rich", "jsonpatch"})
"""What the extra `cli` brings."""


def main() -> None:
    """Run `trio-k8swatch` with the arguments of this process, and exit."""
    # What imports have made stays: to search it for garbage once, while more is imported, takes a tenth of the start.
    gc.freeze()
    try:
        # Here, because it needs what only the extra brings, and because Ctrl-C is to be quiet from the start.
        from trio_k8swatch.cli._commands import run  # noqa: PLC0415

        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.stderr.write(
            f"trio-k8swatch: the command line needs {error.name}, which is not installed: {install_command('cli')}\n"
        )
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
