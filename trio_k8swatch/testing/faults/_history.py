"""Faults of the server as a whole: restarts, lost history, backups put back."""

from __future__ import annotations

from trio_k8swatch.testing._http.response_steps import Drop, End, Ending

from ._fault import Fault
from ._refusals import RefusalFaults
from ._responses import NoAnswer


class HistoryFaults(RefusalFaults):
    """What may happen to the process and its data. These act at once, and take no options of `When`."""

    def forget_history(self) -> None:
        """Watches and lists from before now are answered 410 from now on; open watches go on."""
        self._server.compact()

    def roll_back(self, to: int | str) -> None:
        """A backup is put back: the state of that resourceVersion, and the resourceVersion itself. Nobody is notified."""
        self._server.storage.roll_back(int(to))

    def cut_connections(self, how: Ending = "reset") -> None:
        """All open watches break now."""
        self._server.interrupt_streams(Drop(how))

    def close_connections(self) -> None:
        """All open watches end cleanly now."""
        self._server.interrupt_streams(End())

    def restart(self, *, seconds: float = 0.0, clean: bool = True, cold_seconds: float = 0.0) -> None:
        """The server restarts: all watches end (cleanly, or by reset), and the watch cache begins anew.

        For `seconds` connections are refused; for `cold_seconds` after that reads are answered 429: the cache fills.
        """
        self._server.compact()
        self._server.interrupt_streams(End() if clean else Drop("reset"))
        if seconds:
            self.outage(seconds)
        if cold_seconds:
            end = self._clock.now() + seconds + cold_seconds
            self._server.agenda.after(seconds, lambda: self._cold(end))

    def roll(self, *, servers: int = 3, seconds_between: float = 30.0) -> None:
        """The servers behind one address are replaced one by one: all watches are cut each time, history stays."""
        for number in range(servers):
            self._server.agenda.after(number * seconds_between, lambda: self.cut_connections("eof"))
        self._server.agenda.catch_up()

    def outage(self, seconds: float) -> Fault:
        """For so long all connections are refused. Open watches are left alone."""
        return self._lasting("outage", NoAnswer("refused"), "any", {"for_seconds": seconds})

    def _cold(self, end: float) -> None:
        self.storage_initializing(for_seconds=end - self._clock.now())
