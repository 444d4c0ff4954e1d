"""How an object looks to a client: whole, as its metadata only, or as a row of a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import Object, encode, encode_sorted
from trio_k8swatch.testing._storage.history import Revision
from trio_k8swatch.testing._storage.lists import Page

from .tables import column_definitions, row

_META: Final = "PartialObjectMetadata"
_META_LIST: Final = "PartialObjectMetadataList"


class Rendering(Protocol):
    """One way to look. A rendering serves one request: a table sends its columns only once."""

    def one(self, revision: Revision) -> bytes:
        """One object."""
        ...

    def event(self, revision: Revision) -> bytes:
        """The object of an event."""
        ...

    def bookmark(self, metadata: Object) -> bytes:
        """The object of a bookmark."""
        ...

    def page(self, page: Page) -> list[bytes]:
        """A list, in the pieces in which the server writes it."""
        ...


class Whole:
    """Objects as they are."""

    def __init__(self, kind: ResourceType) -> None:
        self._kind = kind

    def one(self, revision: Revision) -> bytes:
        revision = revision.as_seen_by(self._kind)
        if revision.object["apiVersion"] == self._kind.api_version:
            return revision.json
        # Another version of a custom resource: only the name of the version differs (conversion strategy None).
        return encode_sorted({**revision.object, "apiVersion": self._kind.api_version})

    def event(self, revision: Revision) -> bytes:
        return self.one(revision)

    def bookmark(self, metadata: Object) -> bytes:
        head = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
        return encode_sorted(head) if self._kind.custom else encode(head)

    def page(self, page: Page) -> list[bytes]:
        if self._kind.custom:
            return [self._custom_page(page)]
        # Built-in kinds are streamed item by item.
        head = encode({"kind": self._kind.list_kind, "apiVersion": self._kind.api_version})[:-1]
        opening = b'%s,"metadata":%s,"items":[' % (head, encode(page.metadata(custom=False)))
        items = [self._item(revision) for revision in page.revisions]
        commas = [piece for item in items for piece in (b",", item)][1:]
        return [opening, *commas, b"]}\n"]

    def _custom_page(self, page: Page) -> bytes:
        items = b",".join(self.one(revision) for revision in page.revisions)
        metadata = encode_sorted(page.metadata(custom=True))
        version, kind = encode(self._kind.api_version), encode(self._kind.list_kind)
        return b'{"apiVersion":%s,"items":[%s],"kind":%s,"metadata":%s}\n' % (version, items, kind, metadata)

    def _item(self, revision: Revision) -> bytes:
        """Items of built-in lists have no kind and apiVersion."""
        head = encode({"kind": self._kind.kind, "apiVersion": self._kind.api_version})[:-1]
        return b"{" + revision.as_seen_by(self._kind).json.removeprefix(head + b",")


class Partial:
    """Only metadata; `wanted` is the kind that was asked for, which has to be that of a list where there is one."""

    def __init__(self, kind: ResourceType, wanted: str, version: str) -> None:
        self._kind = kind
        self._wanted = wanted
        self._version = version

    def one(self, revision: Revision) -> bytes:
        if self._wanted != _META:
            if self._kind.custom:
                raise Refused(500, "", "content is not a list")
            raise self._refused("is not a list", self._kind.kind)
        return self.event(revision)

    def event(self, revision: Revision) -> bytes:
        return encode(_partial(revision, self._version))

    def bookmark(self, metadata: Object) -> bytes:
        return encode({**_head(_META, self._version), "metadata": metadata})

    def page(self, page: Page) -> list[bytes]:
        if self._wanted != _META_LIST:
            raise self._refused("is a list", "UnstructuredList" if self._kind.custom else self._kind.list_kind)
        # A list of nothing is null in Go.
        items = [_partial(revision, self._version) for revision in page.revisions] or None
        return [
            encode({**_head(_META_LIST, self._version), "metadata": page.metadata(custom=False), "items": items})
            + b"\n"
        ]

    def _refused(self, why: str, go_name: str) -> Refused:
        package = "unstructured" if self._kind.custom else self._kind.group.partition(".")[0] or "core"
        message = f"you requested {self._wanted}, but the requested object {why} (*{package}.{go_name})"
        return Refused(406, "NotAcceptable", message)


class Table:
    """Rows; `include` is the parameter includeObject: Metadata (the default), Object or None."""

    def __init__(self, kind: ResourceType, include: str, now: Callable[[], datetime], version: str) -> None:
        self._kind = kind
        self._version = version
        self._include = include
        self._now = now
        self._columns: list[Object] | None = column_definitions(kind)

    def one(self, revision: Revision) -> bytes:
        version = str(revision.resource_version)
        return encode({**_head("Table", self._version), **self._content({"resourceVersion": version}, [revision])})

    def event(self, revision: Revision) -> bytes:
        data = self.one(revision)
        self._columns = None
        return data

    def bookmark(self, metadata: Object) -> bytes:
        return encode({**_head("Table", self._version), **self._content(metadata, [])})

    def page(self, page: Page) -> list[bytes]:
        content = self._content(page.metadata(custom=False), list(page.revisions))
        return [encode({**_head("Table", self._version), **content}) + b"\n"]

    def _content(self, metadata: Object, revisions: list[Revision]) -> Object:
        now = self._now()
        rows = [row(self._kind, one.object, now, self._shown(one)) for one in revisions]
        return {"metadata": metadata, "columnDefinitions": self._columns, "rows": rows}

    def _shown(self, revision: Revision) -> Object | None:
        match self._include:
            case "None":
                return None
            case "Object":
                return revision.as_seen_by(self._kind).object
            case _:
                return _partial(revision, self._version)


def _head(kind: str, version: str) -> Object:
    return {"kind": kind, "apiVersion": f"meta.k8s.io/{version}"}


def _partial(revision: Revision, version: str) -> Object:
    return {**_head(_META, version), "metadata": revision.object["metadata"]}
