"""Whether what arrives is of the kind that was asked for."""

from __future__ import annotations

import msgspec

from trio_k8swatch._errors import ProtocolError

from .event_types import OBJECT_EVENTS

__all__ = ["Kinds"]


class Kinds:
    """The kind of the objects in one collection: whatever came first, and nothing else from then on.

    Lists of built-in kinds leave kind and apiVersion out of their items (kubernetes#98925), so they are remembered here.
    An event whose text begins as that of one which was found right is right: that spares it a second look.
    """

    def __init__(self, api_version: str, *others: str) -> None:
        self._api_version = api_version
        self._accepted = {api_version, *others}
        self._kind = ""
        self._list_kind = ""
        self.trusted: tuple[bytes, ...] = ()
        """What the text of an event of this kind begins with, one for each type of event; empty before the first."""

    def check(self, kind: str, api_version: str) -> None:
        """Raise ProtocolError if this is not the kind that was asked for. Objects that do not say are believed."""
        if api_version and api_version not in self._accepted:
            raise ProtocolError(
                f"asked for objects of {self._api_version}, the server sent {kind or 'some'} of {api_version}"
            )
        if kind and self._kind and kind != self._kind:
            raise ProtocolError(f"asked for {self._kind} of {self._api_version}, the server sent {kind}")
        self._kind = self._kind or kind

    def check_list(self, kind: str, api_version: str, *, has_items: bool) -> None:
        """The same for a list. A `PodList` holds `Pod`s, but a custom resource may call its list what it likes."""
        if kind and not has_items and not kind.endswith("List"):
            raise ProtocolError(f"asked for a list of {self._api_version}, the server sent a {kind}")
        self.check("", api_version)
        self._list_kind = kind

    def trust(self, line: bytes, kind: str, api_version: str) -> None:
        """`line` is an event that was found right: others that begin like it need no second look."""
        if not (kind and api_version):
            return
        # The order of these two fields is one for built-in kinds and one for custom resources; a server keeps to it.
        for order in (
            f'"kind":"{kind}","apiVersion":"{api_version}",',
            f'"apiVersion":"{api_version}","kind":"{kind}",',
        ):
            starts = tuple(f'{{"type":"{event.type}","object":{{{order}'.encode() for event in OBJECT_EVENTS)
            if line.startswith(starts):
                self.trusted = starts

    @property
    def prefix(self) -> bytes:
        """What an item of a list lacks at its beginning: `{"kind":"Pod","apiVersion":"v1",`. Empty if not known."""
        kind = self._kind or self._list_kind.removesuffix("List")
        return msgspec.json.encode({"kind": kind, "apiVersion": self._api_version})[:-1] + b"," if kind else b""
