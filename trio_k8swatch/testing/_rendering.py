"""How an object looks to a client: whole, as its metadata only, or as a row of a table."""

from __future__ import annotations

from ._json import Object, encode, encode_sorted
from ._reading import Page
from ._resources import ResourceType
from ._storage import Revision


class Whole:
    """Objects as they are."""

    def __init__(self, kind: ResourceType) -> None:
        self._kind = kind

    def object(self, revision: Revision) -> bytes:
        """One object, kind and apiVersion included."""
        if revision.object["apiVersion"] == self._kind.api_version:
            return revision.json
        # Another version of a custom resource: only the name of the version differs (conversion strategy None).
        return encode_sorted({**revision.object, "apiVersion": self._kind.api_version})

    event = object

    def bookmark(self, metadata: Object) -> bytes:
        """An object with nothing but its metadata."""
        head = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
        return encode_sorted(head) if self._kind.custom else encode(head)

    def page(self, page: Page) -> list[bytes]:
        """A list in the pieces the server writes it: built-in kinds are streamed item by item."""
        if self._kind.custom:
            return [self._custom_page(page)]
        head = encode({"kind": self._kind.list_kind, "apiVersion": self._kind.api_version})[:-1]
        metadata = encode(page.metadata(custom=False))
        opening = b'%s,"metadata":%s,"items":[' % (head, metadata)
        items = [self._item(revision) for revision in page.revisions]
        return [opening, *_separated(items), b"]}\n"]

    def _custom_page(self, page: Page) -> bytes:
        items = b",".join(self.object(revision) for revision in page.revisions)
        metadata = encode_sorted(page.metadata(custom=True))
        version, kind = encode(self._kind.api_version), encode(self._kind.list_kind)
        return b'{"apiVersion":%s,"items":[%s],"kind":%s,"metadata":%s}\n' % (version, items, kind, metadata)

    def _item(self, revision: Revision) -> bytes:
        """Items of built-in lists have no kind and apiVersion."""
        head = encode({"kind": self._kind.kind, "apiVersion": self._kind.api_version})[:-1]
        return b"{" + revision.json.removeprefix(head + b",")


def _separated(items: list[bytes]) -> list[bytes]:
    return [b"," + item if index else item for index, item in enumerate(items)]
