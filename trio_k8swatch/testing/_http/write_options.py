"""The query parameters of writes, checked as the API server checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trio_k8swatch.testing._json import Object

from .messages import Request
from .request_body import APPLY_PATCH, content_type
from .statuses import invalid_with

_VALIDATIONS: Final = {"": "Warn", "Ignore": "Ignore", "Strict": "Strict", "Warn": "Warn"}
_MANAGER_BYTES: Final = 128
_NO_MANAGER: Final = "Required value: is required for apply patch"
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
        validation, manager = request.parameter("fieldValidation"), request.parameter("fieldManager")
        found = [*_apply(request, manager), *_manager(manager)]
        found += dry_run_causes([value for name, value in request.query if name == "dryRun" and value])
        if validation not in _VALIDATIONS:
            message = f'Unsupported value: "{validation}": supported values: "", "Ignore", "Strict", "Warn"'
            found.append(_cause("fieldValidation", "FieldValueNotSupported", message))
        if found:
            raise invalid_with(kind, "meta.k8s.io", "", found)
        agent = re.split(r"[/\s]", request.headers.get("user-agent", ""))[0]
        dry_run = bool(request.parameter("dryRun"))
        return cls(manager or agent or "unknown", dry_run, _VALIDATIONS[validation], request.flag("force"))


def _cause(field: str, reason: str, message: str) -> Object:
    return {"reason": reason, "message": message, "field": field}


def dry_run_causes(values: list[str]) -> list[Object]:
    """What is wrong with values that are not all `All`."""
    if all(value == "All" for value in values):
        return []
    shown = ",".join(f'"{value}"' for value in values)
    return [_cause("dryRun", "FieldValueNotSupported", f'Unsupported value: [{shown}]: supported values: "All"')]


def _manager(manager: str) -> list[Object]:
    if len(manager.encode()) > _MANAGER_BYTES:
        return [_cause("fieldManager", "FieldValueTooLong", f"Too long: may not be more than {_MANAGER_BYTES} bytes")]
    if not manager.isprintable():
        message = f'Invalid value: "{manager}": should only contain printable characters'
        return [_cause("fieldManager", "FieldValueInvalid", message)]
    return []


def _apply(request: Request, manager: str) -> list[Object]:
    if request.method != "PATCH":
        return []
    if content_type(request) == APPLY_PATCH:
        return [] if manager else [_cause("fieldManager", "FieldValueRequired", _NO_MANAGER)]
    if any(name == "force" and value for name, value in request.query):
        return [_cause("force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch")]
    return []
