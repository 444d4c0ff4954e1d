"""What controllers ask of objects: who owns them, whether they are ready, how alike two templates are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, cast

from trio_k8swatch.testing._json import Object, encode_sorted
from trio_k8swatch.testing.builders import owner_reference

# Letters and digits in which no word can be read, as Kubernetes has them.
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"


def part(obj: Object, *path: str) -> Object:
    """What stands at a path, or nothing at all where that is absent or null."""
    for name in path:
        obj = cast("Object", obj.get(name) or {})
    return obj


def items(obj: Object, name: str) -> list[Object]:
    """The list of that name, or an empty one."""
    return cast("list[Object]", obj.get(name) or [])


def name_of(obj: Object) -> str:
    """The name."""
    name: str = obj["metadata"]["name"]
    return name


def controller_of(obj: Object) -> Object | None:
    """The owner reference of who controls the object."""
    return next((one for one in items(obj["metadata"], "ownerReferences") if one.get("controller")), None)


def controlled_by(owner: Object, objects: Iterable[Object]) -> list[Object]:
    """Those that `owner` controls, by name."""
    uid = owner["metadata"]["uid"]
    return sorted((one for one in objects if _controller_uid(one) == uid), key=name_of)


def _controller_uid(obj: Object) -> str:
    reference = controller_of(obj)
    uid: str = reference["uid"] if reference else ""
    return uid


def adopted(owner: Object, obj: Object) -> Object:
    """The object, controlled by `owner` from now on."""
    references = [*items(obj["metadata"], "ownerReferences"), owner_reference(owner)]
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": references}}


def terminating(obj: Object) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in obj["metadata"]


def phase(pod: Object) -> str:
    """The phase of a pod; Pending where none is set yet."""
    known: str = part(pod, "status").get("phase") or "Pending"
    return known


def finished(pod: Object) -> bool:
    """Whether it will never run again."""
    return phase(pod) in {"Succeeded", "Failed"}


def ready(pod: Object) -> bool:
    """Whether it is ready to serve."""
    conditions = items(part(pod, "status"), "conditions")
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def condition(obj: Object, kind: str) -> Object | None:
    """The condition of that type."""
    return next((one for one in items(part(obj, "status"), "conditions") if one["type"] == kind), None)


def selects(selector: Object, obj: Object) -> bool:
    """Whether a LabelSelector selects the object; an empty one selects nothing here."""
    labels = part(obj["metadata"], "labels")
    wanted = part(selector, "matchLabels")
    expressions = items(selector, "matchExpressions")
    if not wanted and not expressions:
        return False
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(one, labels) for one in expressions
    )


def _holds(expression: Object, labels: Object) -> bool:
    key, values = expression["key"], items(expression, "values")
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def hash_of(value: object) -> str:
    """Ten characters that stand for a value: the same ones for the same value, always."""
    number = int.from_bytes(hashlib.sha256(encode_sorted(value)).digest()[:8], "big")
    digits: list[str] = []
    for _ in range(10):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def pod_from(template: Object, owner: Object, **metadata: Any) -> Object:
    """A pod as the template of its owner describes it."""
    head = {**part(template, "metadata"), "namespace": owner["metadata"]["namespace"], **metadata}
    head["ownerReferences"] = [owner_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": template["spec"]}


def seconds_between(earlier: str, later: str) -> float:
    """From one timestamp to another."""
    return (_moment(later) - _moment(earlier)).total_seconds()


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
