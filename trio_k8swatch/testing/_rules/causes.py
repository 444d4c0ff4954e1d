"""What is wrong with an object, field by field, until it is refused with all of it."""

from __future__ import annotations

from typing import Any

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import invalid_with
from trio_k8swatch.testing._json import Object, encode, is_list, is_object


class Causes:
    """Collects causes, in the order in which they are found."""

    def __init__(self) -> None:
        self.found: list[Object] = []

    def add(self, field: str, reason: str, message: str) -> None:
        """One more: the machine's word and the human's."""
        self.found.append({"reason": reason, "message": message, "field": field})

    def required(self, field: str, why: str = "") -> None:
        """It has to be there."""
        self.add(field, "FieldValueRequired", "Required value" + (f": {why}" if why else ""))

    def invalid(self, field: str, value: Any, why: str) -> None:
        """It must not be so."""
        self.add(field, "FieldValueInvalid", f"Invalid value: {shown(value)}: {why}")

    def unsupported(self, field: str, value: Any, supported: list[str]) -> None:
        """It is none of the values there are."""
        listed = ", ".join(f'"{one}"' for one in supported)
        self.add(field, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {listed}")

    def forbidden(self, field: str, why: str) -> None:
        """It must not be set, or not be changed."""
        self.add(field, "FieldValueForbidden", f"Forbidden: {why}")

    def duplicate(self, field: str, value: Any, why: str = "") -> None:
        """Another item is the same."""
        text = f"Duplicate value: {shown(value)}" + (f": {why}" if why else "")
        self.add(field, "FieldValueDuplicate", text)

    def too_long(self, field: str, limit: int) -> None:
        """It has more bytes than that."""
        self.add(field, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes")

    def check(self, kind: ResourceType, name: str) -> None:
        """422 with everything that was found, if anything was."""
        if self.found:
            # Events of both forms are checked as one.
            group = "" if kind.storage_name == "events" else kind.group
            raise invalid_with(kind.kind, group, name, self.found)


def shown(value: Any) -> str:
    """A value as the server prints it: short where it is large."""
    if is_object(value) or is_list(value):
        return encode(value).decode()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return encode(value).decode()
