"""What a controller decides to do: plain values, that somebody else carries out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from trio_k8swatch.testing._json import Object


@dataclass(frozen=True, slots=True)
class Create:
    """Create this object."""

    obj: Object


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the object that has the name and namespace of this one, status included."""

    obj: Object


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete this object, as gracefully as it says itself."""

    obj: Object


@dataclass(frozen=True, slots=True)
class Later:
    """Decide anew about the object in so many seconds, if `step` is still what comes next for it then."""

    seconds: float
    step: str = ""


Action: TypeAlias = Create | Update | Delete | Later
Actions: TypeAlias = Sequence[Action]


def with_status(obj: Object, status: Object) -> list[Action]:
    """The update that gives `obj` that status, if it is another one. Zeros are left out, as Go leaves them out."""
    kept = {key: value for key, value in status.items() if value not in (0, None, "", []) or key == "replicas"}
    return [] if obj.get("status") == kept else [Update({**obj, "status": kept})]
