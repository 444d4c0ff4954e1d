"""The metadata of an object is found whatever its type calls it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from trio_k8swatch import ConfigError, ObjectMeta
from trio_k8swatch._object_meta import metadata_of
from trio_k8swatch._wire.metadata_access import metadata_accessor


class CamelMeta(msgspec.Struct):
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resourceVersion: str | None = None  # noqa: N815 - as generated models have it


class Camel(msgspec.Struct):
    metadata: CamelMeta | None = None


class Plain(msgspec.Struct):
    metadata: ObjectMeta


@dataclass
class Optional:
    metadata: ObjectMeta | None = None


class NoVersion(msgspec.Struct):
    name: str
    namespace: str
    uid: str


class Lacking(msgspec.Struct):
    metadata: NoVersion


def test_a_plain_type_is_read_directly() -> None:
    """No wrapper where none is needed: the metadata that the store hands out is the object's own."""
    assert metadata_accessor(Plain) is metadata_of


def test_attributes_as_in_json_and_optional_ones() -> None:
    """Absent facts read as empty, as the API server leaves them out."""
    read = metadata_accessor(Camel)

    assert read(Camel(CamelMeta("a", None, "1", "7"))) == ("a", "", "1", "7")
    assert read(Camel()) == ("", "", "", "")
    assert metadata_accessor(Optional)(Optional(ObjectMeta(name="b", resource_version="3"))).resource_version == "3"


def test_metadata_without_a_version_is_refused() -> None:
    """A watch cannot do without it, and the message names it in both spellings."""
    with pytest.raises(ConfigError, match=r"lacks resource_version \(in JSON: resourceVersion\)"):
        metadata_accessor(Lacking)
