"""What metadata may be: names, labels, annotations, owners, finalizers."""

from __future__ import annotations

import re
from typing import Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, encode

from .causes import Causes

SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_RULE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
OLD_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
OLD_LABEL_RULE: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_VALUE_RULE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_KEY_NAME_RULE: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_QUALIFIED_RULE: Final = (
    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' "
    "(e.g. 'example.com/MyName')"
)
# What may stand in a path is enough of a name: role-based access control has always allowed it.
_LOOSE_NAMES: Final = frozenset(
    {"clusterroles", "clusterrolebindings", "roles", "rolebindings", "events", "poddisruptionbudgets"}
)
# The events of v1 are not checked as closely as those of this group.
_STRICT_GROUP: Final = "events.k8s.io"
_ANNOTATIONS_BYTES: Final = 256 * 1024
_LABEL_BYTES, _NAME_BYTES = 63, 253
# Their finalizers may have any name that is one.
_LOOSE_FINALIZERS: Final = frozenset({"events", "poddisruptionbudgets", "leases"})
_STANDARD_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})


def check_metadata_rules(kind: ResourceType, metadata: Object, causes: Causes, *, named: bool) -> None:
    """Everything that is wrong with the metadata; `named`: of a new object, whose name is checked, too."""
    if named:
        check_object_name(kind, metadata, causes)
    check_annotations(metadata.get("annotations") or {}, "metadata.annotations", causes)
    check_labels(metadata.get("labels") or {}, "metadata.labels", causes)
    _check_owners(metadata.get("ownerReferences") or [], causes)
    for i, name in enumerate(cast("list[str]", metadata.get("finalizers") or [])):
        _check_finalizer(kind, name, f"metadata.finalizers[{i}]" if not kind.custom else "metadata.finalizers", causes)


def check_object_name(kind: ResourceType, metadata: Object, causes: Causes) -> None:
    """A name that is missing, or that this kind may not have."""
    name, stem = metadata.get("name") or "", metadata.get("generateName") or ""
    for why in name_problems(kind, f"{stem[:-2]}a" if stem.endswith("-") and len(stem) > 1 else stem) if stem else ():
        causes.invalid("metadata.generateName", stem, why)
    if not name:
        causes.required("metadata.name", "name or generateName is required")
        return
    for why in name_problems(kind, name):
        causes.invalid("metadata.name", name, why)


def name_problems(kind: ResourceType, name: str) -> list[str]:
    """Why a kind may not have such a name."""
    if kind.plural in _LOOSE_NAMES and not kind.custom and kind.group != _STRICT_GROUP:
        if name in {".", ".."}:
            return [f"may not be '{name}'"]
        return [f"may not contain '{char}'" for char in "/%" if char in name]
    match kind.qualified:
        case "services" | "namespaces" | "statefulsets.apps":
            dotted = "." in name and not label_problems(name.replace(".", ""))
            return ["must not contain dots"] if dotted else label_problems(name)
        case _:
            return subdomain_problems(name)


def label_problems(value: str, pattern: re.Pattern[str] = LABEL, rule: str = LABEL_RULE) -> list[str]:
    """Why it is no DNS label."""
    problems = [] if len(value) <= _LABEL_BYTES else [f"must be no more than {_LABEL_BYTES} bytes"]
    return problems if pattern.fullmatch(value) else [*problems, rule]


def subdomain_problems(value: str) -> list[str]:
    """Why it is no DNS subdomain."""
    problems = [] if len(value) <= _NAME_BYTES else [f"must be no more than {_NAME_BYTES} bytes"]
    return problems if SUBDOMAIN.fullmatch(value) else [*problems, SUBDOMAIN_RULE]


def check_labels(labels: dict[str, str], field: str, causes: Causes) -> None:
    """Keys are qualified names, values are short."""
    for key, value in labels.items():
        for why in qualified_name_problems(key):
            causes.invalid(field, key, why)
        if len(value.encode()) > _LABEL_BYTES:
            causes.invalid(field, value, f"must be no more than {_LABEL_BYTES} bytes")
        if not _LABEL_VALUE.fullmatch(value):
            causes.invalid(field, value, _LABEL_VALUE_RULE)


def check_annotations(annotations: dict[str, str], field: str, causes: Causes) -> None:
    """Keys are qualified names, and all together are not too large."""
    for key in annotations:
        for why in qualified_name_problems(key.lower()):
            causes.invalid(field, key, why)
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _ANNOTATIONS_BYTES:
        causes.too_long(field, _ANNOTATIONS_BYTES)


def qualified_name_problems(value: str) -> list[str]:
    """Why it is no name with an optional prefix."""
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        return [_QUALIFIED_RULE]
    problems: list[str] = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += [f"prefix part {why}" for why in subdomain_problems(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > _LABEL_BYTES:
        problems.append(f"name part must be no more than {_LABEL_BYTES} bytes")
    if not _KEY_NAME.fullmatch(name):
        problems.append(_KEY_NAME_RULE)
    return problems


def _check_owners(owners: list[Object], causes: Causes) -> None:
    field = "metadata.ownerReferences"
    controllers: list[str] = []
    for owner in owners:
        for name, word in (("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")):
            if not owner.get(name):
                causes.invalid(f"{field}.{name}", owner.get(name) or "", f"{word} must not be empty")
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            causes.invalid(field, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        why = f'Only one reference can have Controller set to true. Found "true" in references for {controllers[0]}'
        text = f"Invalid value: {encode(owners).decode()}: {why} and {controllers[1]}"
        causes.add(field, "FieldValueInvalid", text)


def _check_finalizer(kind: ResourceType, name: str, field: str, causes: Causes) -> None:
    problems = qualified_name_problems(name)
    for why in problems:
        causes.invalid(field, name, why)
    loose = kind.custom or (kind.plural in _LOOSE_FINALIZERS and kind.group != _STRICT_GROUP)
    if not loose and not problems and "/" not in name and name not in _STANDARD_FINALIZERS:
        causes.invalid(field, name, "name is neither a standard finalizer name nor is it fully qualified")


def changed_metadata(old: Object, new: Object) -> list[Object]:
    """What a write says otherwise of what only the server sets; what it does not say is kept."""
    causes = Causes()
    for field in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        value = new.get(field)
        if value not in (None, "") and value != old.get(field) and not (field.startswith("deletion") and field in old):
            causes.invalid(f"metadata.{field}", value, "field is immutable")
    return causes.found


def check_finalizers_of_deleted(old: Object, new: Object, causes: Causes) -> None:
    """What is being deleted takes no new finalizers."""
    if "deletionTimestamp" not in old:
        return
    before, after = (cast("list[str]", one.get("finalizers") or []) for one in (old, new))
    added = [name for name in after if name not in before]
    if added:
        listed = ", ".join(f'"{name}"' for name in sorted(added))
        why = (
            f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        )
        # The real server checks this twice, and says so.
        causes.forbidden("metadata.finalizers", why)
        causes.forbidden("metadata.finalizers", why)
