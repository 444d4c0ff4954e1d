"""When a request is sent again that the server has turned away for now (429): it has not been done."""

from __future__ import annotations

from typing import Final

import msgspec

from trio_k8swatch._errors import TooManyRequests

from .call import Call, is_eviction

__all__ = ["Repeats"]

_MAX_REPEATS: Final = 10
"""As client-go."""

_PATIENCE_SECONDS: Final = 30.0
"""In all. A caller that would wait longer gets an error instead, and can decide what else to do."""

_LEAST_PAUSE_SECONDS: Final = 0.1
"""`Retry-After: 0` is no invitation to a busy loop."""

_IN_PART: Final = frozenset({"deletecollection"})
"""Verbs that are many deletions: one of them may be answered by 429 after others were done."""


class Repeats(msgspec.Struct):
    """The repetitions of one call. Only 429 with a time is repeated: nothing else is certain not to have happened."""

    call: Call
    made: int = 0
    waited: float = 0.0

    def pause_after(self, error: TooManyRequests) -> float | None:
        """Seconds until the call is to be sent again; None if it is not."""
        if error.retry_after is None or not self._may_be_repeated():
            return None
        pause = max(error.retry_after, _LEAST_PAUSE_SECONDS)
        if self.waited + pause > _PATIENCE_SECONDS:
            return None
        self.made += 1
        self.waited += pause
        return pause

    def _may_be_repeated(self) -> bool:
        # A budget that forbids an eviction is waited for by who evicts: they may have other pods to go on with.
        return self.made < _MAX_REPEATS and self.call.verb not in _IN_PART and not is_eviction(self.call.path)
