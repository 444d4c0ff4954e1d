"""What a reconciler is given, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from trio_k8swatch._errors import ConfigError, K8sWatchError
from trio_k8swatch._object_meta import metadata_of

__all__ = ["Key", "Requeue", "TerminalError", "by_owner"]

_CLUSTER_SCOPED: Final = frozenset(
    {
        "APIService", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "CSIDriver", "CSINode",
        "CustomResourceDefinition", "FlowSchema", "IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node",
        "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration", "RuntimeClass", "StorageClass",
        "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "VolumeAttachment",
    }
)  # fmt: skip
"""Kinds of Kubernetes itself whose objects are in no namespace; an owner reference does not say it."""


class Key(NamedTuple):
    """An object by name; `store.by_name(*key)` is the object, if there is one.

    Not by uid: a reconciler is asked to bring about what should be under a name, and may find that nothing is there.
    """

    namespace: str
    """Empty for objects that belong to the whole cluster."""
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Requeue(msgspec.Struct, frozen=True):
    """What a reconciler returns to run again for the same key `after` so many seconds, or earlier if something changes."""

    after: float

    def __post_init__(self) -> None:
        if not 0 <= self.after < float("inf"):
            raise ConfigError(f"Requeue(after={self.after!r}): needs a finite number of seconds, 0 or more")


class TerminalError(K8sWatchError):
    """Raised by a reconciler: this key is wrong in a way that trying again does not change; wait for the next change."""


def by_owner(
    kind: str, *, api_group: str | None = None, controller: bool = False, cluster_scoped: bool | None = None
) -> Callable[[Any], list[Key]]:
    """For `watch(keys=…)`: the keys of an object's owners of this kind.

    Owners are in the namespace of what they own, or in none. Which of the two is known for the kinds of Kubernetes itself;
    for a custom resource of the whole cluster say `cluster_scoped=True`. `api_group` tells kinds of one name apart, and
    `controller=True` leaves out owners that are not the managing controller.
    """
    in_no_namespace = kind in _CLUSTER_SCOPED if cluster_scoped is None else cluster_scoped

    def owners(obj: Any) -> list[Key]:
        meta: Any = metadata_of(obj)
        references: Any = getattr(meta, "owner_references", None) or getattr(meta, "ownerReferences", None) or ()
        return [
            Key("" if in_no_namespace else meta.namespace or "", owner.name)
            for owner in references
            if owner.kind == kind
            and (not controller or owner.controller)
            and (api_group is None or _group(owner) == api_group)
        ]

    return owners


def _group(owner: Any) -> str:
    version = getattr(owner, "api_version", None) or getattr(owner, "apiVersion", "")
    return str(version).rpartition("/")[0]
