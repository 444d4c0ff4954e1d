"""When a reader has failed: by an error that is not the library's own, or by more time or memory than its input justifies."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Final

from trio_k8swatch import K8sWatchError

__all__ = ["Excess", "check", "is_fine"]

MAX_SECONDS: Final = 2.0
"""Of this thread's processor time: other programs on the machine do not count. Inputs are 64 KiB at most."""

MAX_BYTES: Final = 8 * 1024 * 1024
"""Of memory at any one moment, for a small input."""

MAX_BYTES_PER_BYTE: Final = 200
"""And this much more for each byte of a larger one: an empty list is three bytes of JSON, and an object of Python."""


class Excess(Exception):
    """An input that costs too much."""


def check(reader: Callable[[bytes], None], data: bytes) -> None:
    """Let `reader` read `data`. Raises what it should not have raised, or Excess."""
    if not tracemalloc.is_tracing():
        tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    began = time.thread_time()
    try:
        reader(data)
    except K8sWatchError as error:
        if "\n" in str(error):
            raise Excess("a message of more than one line") from error
    seconds = time.thread_time() - began
    _, peak = tracemalloc.get_traced_memory()
    if seconds > MAX_SECONDS:
        raise Excess(f"{seconds:.1f} s for {len(data)} bytes")
    if peak - before > MAX_BYTES + MAX_BYTES_PER_BYTE * len(data):
        raise Excess(f"{(peak - before) / 2**20:.0f} MiB for {len(data)} bytes")


def is_fine(reader: Callable[[bytes], None], data: bytes) -> bool:
    """Whether `check` has nothing to say."""
    try:
        check(reader, data)
    except Exception:  # noqa: BLE001 - whatever it is
        return False
    return True
