"""Which resource of the API a class describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from ._errors import ConfigError

__all__ = ["Model", "model", "model_of"]

C = TypeVar("C", bound=type)

_ATTRIBUTE: Final = "__kubernetes_model__"


class Model(NamedTuple):
    """The resource that a class describes."""

    api_version: str
    plural: str


def model(api_version: str, plural: str) -> Callable[[C], C]:
    """Declare which resource a class describes: `@model("apps/v1", "deployments")` above a struct with `metadata`.

    `client.resource(TheClass)` then needs nothing else. The class itself is not changed in any other way; classes derived
    from it describe the same resource.
    """

    def declare(class_: C) -> C:
        setattr(class_, _ATTRIBUTE, Model(api_version, plural))
        return class_

    return declare


def model_of(class_: type) -> Model:
    """The resource that `class_` describes: by `@model`, or as the resource classes of lightkube say it.

    Raises ConfigError for a class that does not say.
    """
    declared = getattr(class_, _ATTRIBUTE, None)
    if isinstance(declared, Model):
        return declared
    # lightkube: `_api_info = ApiInfo(resource=ResourceDef(group, version, kind), plural=…)`, public by long use.
    info: Any = getattr(class_, "_api_info", None)
    definition = getattr(info, "resource", None)
    group, version, plural = (
        getattr(definition, "group", None),
        getattr(definition, "version", None),
        getattr(info, "plural", None),
    )
    if isinstance(version, str) and isinstance(plural, str):
        return Model(f"{group}/{version}" if group else version, plural)
    name = getattr(class_, "__name__", repr(class_))
    raise ConfigError(
        f"resource({name}): {name} does not say which resource it describes: decorate it with"
        f' @model("apps/v1", "deployments"), or use resource(api_version, plural, type={name})'
    )
