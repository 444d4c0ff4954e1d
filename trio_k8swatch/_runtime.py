"""Whether this code runs in a trio task, as everything here has to."""

from __future__ import annotations

import trio

__all__ = ["require_trio"]


def require_trio(what: str) -> None:
    """Raise RuntimeError, naming the way out, if `what` was called outside of a trio task."""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        raise RuntimeError(
            f"{what} needs a trio task: in asyncio use trio_k8swatch.aio.{what}, in threads trio_k8swatch.blocking.{what}"
        ) from None
