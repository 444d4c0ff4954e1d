"""Which objects nobody owns any more."""

from __future__ import annotations

from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._storage.history import Storage

from .objects import items, terminating


def abandoned(obj: Object, storage: Storage) -> bool:
    """Whether it has owners and none of them exists: a collector of garbage would delete it.

    Owners are looked up by uid, as the real collector does: one of the same name that was made anew is another.
    """
    owners = items(obj["metadata"], "ownerReferences")
    if not owners or terminating(obj):
        return False
    namespace = obj["metadata"].get("namespace", "")
    return not any(_exists(one, namespace, storage) for one in owners)


def _exists(reference: Object, namespace: str, storage: Storage) -> bool:
    group = reference["apiVersion"].rpartition("/")[0]
    for qualified, collection in storage.collections().items():
        if qualified.partition(".")[2] != group:
            continue
        for place in ((namespace, reference["name"]), ("", reference["name"])):
            revision = collection.current.get(place)
            if revision is not None and revision.object["metadata"]["uid"] == reference["uid"]:
                return True
    return False
