"""Faults of the server as a whole: restarts, lost history, backups put back."""

from __future__ import annotations

from trio_k8swatch.testing._steps import Drop, End, Ending

from ._answers import NoAnswer
from ._base import FaultBase
from ._fault import Fault


class HistoryFaults(FaultBase):
    """What may happen to the process and its data. These act at once."""

    def forget_history(self) -> None:
        """Watches and lists from before now answer 410 from now on; open watches go on."""
        self._server.compact()

    def roll_back(self, to: int | str) -> None:
        """A backup is put back: the state of that resourceVersion, and the resourceVersion itself."""
        self._server.storage.roll_back(int(to))

    def cut_connections(self, how: Ending = "reset") -> None:
        """All open streams break now."""
        self._server.interrupt_streams(Drop(how))

    def close_connections(self) -> None:
        """All open streams end cleanly now."""
        self._server.interrupt_streams(End())

    def restart(self, *, seconds: float = 0.0, clean: bool = True) -> Fault | None:
        """The server restarts: streams end (cleanly, or by reset), nobody is let in for `seconds`, history is lost."""
        self._server.compact()
        self._server.interrupt_streams(End() if clean else Drop("reset"))
        return self.outage(seconds) if seconds else None

    def outage(self, seconds: float) -> Fault:
        """For so long all connections are refused."""
        return self._lasting("outage", NoAnswer("refused"), "any", {"for_seconds": seconds})
