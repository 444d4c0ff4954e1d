"""What the controllers put into each namespace: the ServiceAccount of its pods, and the certificate that they trust."""

from __future__ import annotations

from typing import Final

from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._storage.history import Storage

from .actions import Action, Create
from .objects import name_of, terminating

ACCOUNT: Final = ("serviceaccounts", "default")
CERTIFICATE: Final = ("configmaps", "kube-root-ca.crt")
# Nobody verifies anything with it: pods do not run.
_PEM: Final = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def decide(namespace: Object, storage: Storage) -> list[Action]:
    """What of the two is missing, unless the namespace ends."""
    if terminating(namespace):
        return []
    name = name_of(namespace)
    made: dict[tuple[str, str], Object] = {
        ACCOUNT: {"apiVersion": "v1", "kind": "ServiceAccount"},
        CERTIFICATE: {"apiVersion": "v1", "kind": "ConfigMap", "data": {"ca.crt": _PEM}},
    }
    return [
        Create({**obj, "metadata": {"name": given, "namespace": name}})
        for (resource, given), obj in made.items()
        if (name, given) not in storage[resource].current
    ]
