"""The query parameters of writes, checked as the API server checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .messages import Request
from .request_body import APPLY_PATCH, content_type
from .statuses import Refused, invalid

_VALIDATIONS: Final = {"": "Warn", "Ignore": "Ignore", "Strict": "Strict", "Warn": "Warn"}
_MANAGER_BYTES: Final = 128
_KINDS: Final = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write: who is the field manager, whether for trial only, and what becomes of unknown fields."""

    manager: str
    dry_run: bool
    validation: str
    force: bool

    @classmethod
    def parse(cls, request: Request, verb: str) -> WriteOptions:
        """From the query. Raises 422 for what the server does not know."""
        kind = _KINDS.get(verb, "CreateOptions")
        check_dry_run(kind, [value for name, value in request.query if name == "dryRun" and value])
        validation = request.parameter("fieldValidation")
        if validation not in _VALIDATIONS:
            supported = 'supported values: "", "Ignore", "Strict", "Warn"'
            message = f'Unsupported value: "{validation}": {supported}'
            raise invalid_option(kind, "fieldValidation", "FieldValueNotSupported", message)
        manager = request.parameter("fieldManager")
        if len(manager.encode()) > _MANAGER_BYTES:
            message = f"Too long: may not be more than {_MANAGER_BYTES} bytes"
            raise invalid_option(kind, "fieldManager", "FieldValueTooLong", message)
        if not manager.isprintable():
            message = f'Invalid value: "{manager}": should only contain printable characters'
            raise invalid_option(kind, "fieldManager", "FieldValueInvalid", message)
        _check_apply(request, kind, manager)
        agent = re.split(r"[/\s]", request.headers.get("user-agent", ""))[0]
        dry_run = bool(request.parameter("dryRun"))
        return cls(manager or agent or "unknown", dry_run, _VALIDATIONS[validation], request.flag("force"))


def check_dry_run(kind: str, values: list[str]) -> None:
    """422 for anything but `All`."""
    if any(value != "All" for value in values):
        shown = ",".join(f'"{value}"' for value in values)
        message = f'Unsupported value: [{shown}]: supported values: "All"'
        raise invalid_option(kind, "dryRun", "FieldValueNotSupported", message)


def invalid_option(kind: str, field: str, cause: str, message: str) -> Refused:
    """422: one of the options is wrong."""
    return invalid(kind, "meta.k8s.io", "", field=field, cause=cause, message=message)


def _check_apply(request: Request, kind: str, manager: str) -> None:
    if request.method != "PATCH":
        return
    if content_type(request) == APPLY_PATCH:
        if not manager:
            message = "Required value: is required for apply patch"
            raise invalid_option(kind, "fieldManager", "FieldValueRequired", message)
    elif any(name == "force" and value for name, value in request.query):
        message = "Forbidden: may not be specified for non-apply patch"
        raise invalid_option(kind, "force", "FieldValueForbidden", message)
