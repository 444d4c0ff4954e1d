"""What a write may be asked to do besides, as query parameters."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from trio_k8swatch._errors import ConfigError

__all__ = ["FieldValidation", "PatchType", "Propagation", "delete_options", "patch_content_type", "write_query"]

FieldValidation: TypeAlias = Literal["Strict", "Warn", "Ignore"]
"""What becomes of fields that the server does not know."""

PatchType: TypeAlias = Literal["merge", "json", "strategic"]

Propagation: TypeAlias = Literal["Background", "Foreground", "Orphan"]
"""What becomes of the objects that a deleted one owns."""

_VALIDATIONS: Final = ("Strict", "Warn", "Ignore")
_PROPAGATIONS: Final = ("Background", "Foreground", "Orphan")
_CONTENT_TYPES: Final = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_MAX_MANAGER_CHARACTERS: Final = 128
"""As the API server has it."""


def write_query(
    *, dry_run: bool = False, field_validation: str | None = None, field_manager: str | None = None
) -> dict[str, str]:
    """The parameters that most verbs have. Raises ConfigError for what no server takes."""
    query: dict[str, str] = {}
    if dry_run:
        query["dryRun"] = "All"
    if field_validation is not None:
        query["fieldValidation"] = _one_of("field_validation", field_validation, _VALIDATIONS)
    if field_manager is not None:
        if not field_manager or len(field_manager) > _MAX_MANAGER_CHARACTERS or not field_manager.isprintable():
            raise ConfigError(
                f"field_manager is {field_manager!r}: use 1 to {_MAX_MANAGER_CHARACTERS} characters that can be printed"
            )
        query["fieldManager"] = field_manager
    return query


def patch_content_type(type_: str) -> str:
    """The media type of a patch. Raises ConfigError for a kind of patch that there is not."""
    return _CONTENT_TYPES[_one_of("type", type_, tuple(_CONTENT_TYPES))]


def delete_options(
    *,
    uid: str | None = None,
    resource_version: str | None = None,
    propagation: str | None = None,
    grace_seconds: int | None = None,
    dry_run: bool = False,
) -> dict[str, object]:
    """The body of a deletion: `meta/v1.DeleteOptions`; empty if nothing is asked for.

    With a body, servers do not read the options in the query of a deletion: a dry run that stood only there would delete.
    """
    options: dict[str, object] = {}
    conditions = {"uid": uid, "resourceVersion": resource_version}
    preconditions = {key: value for key, value in conditions.items() if value is not None}
    if "" in preconditions.values():
        # The server takes an empty condition for none, and would delete whatever is there.
        raise ConfigError("delete(uid=…, resource_version=…): an empty one is no condition; leave it out to have none")
    if preconditions:
        options["preconditions"] = preconditions
    if propagation is not None:
        options["propagationPolicy"] = _one_of("propagation", propagation, _PROPAGATIONS)
    if grace_seconds is not None:
        if grace_seconds < 0:
            raise ConfigError(f"grace_seconds is {grace_seconds}: it cannot be negative")
        options["gracePeriodSeconds"] = grace_seconds
    if options and dry_run:
        options["dryRun"] = ["All"]
    return {"kind": "DeleteOptions", "apiVersion": "v1", **options} if options else {}


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ConfigError(f"{what} is {value!r}: use one of {', '.join(allowed)}")
    return value
