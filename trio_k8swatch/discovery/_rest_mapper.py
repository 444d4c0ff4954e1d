"""Which resource is meant by `po`, `Pod` or `deployments.apps`, by kubectl's rules."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from trio_k8swatch._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ServedResource", "resolve"]

_VERSION: Final = re.compile(r"v\d+((alpha|beta)\d+)?")
_NEAR_MATCHES: Final = 5


class ServedResource(msgspec.Struct, frozen=True):
    """One collection on the server, in one version."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def full_name(self) -> str:
        """`deployments.apps`; in the core group just `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class _Wanted(msgspec.Struct, frozen=True):
    """One way to read an argument. None: any group, any version."""

    name: str
    group: str | None = None
    version: str | None = None


def resolve(argument: str, served: Sequence[ServedResource]) -> ServedResource:
    """What `argument` stands for among `served`.

    It is a plural, singular, kind or short name in any letter case: alone, or as NAME.GROUP, NAME.VERSION.GROUP,
    VERSION/NAME, GROUP/NAME, GROUP/VERSION/NAME. Of several, a plural goes before a singular, a kind, a short name;
    then the first in `served`, which is in the order the server prefers. A group may be cut short where no group has
    just that name. Raises `ConfigError` with near matches.
    """
    for wanted in _readings(argument.strip().lower()):
        for candidates in (
            [resource for resource in served if _matches(wanted, resource)],
            [resource for resource in served if _matches(wanted, resource, group_cut_short=True)],
        ):
            if candidates:
                return min(candidates, key=lambda resource: _rank(wanted.name, resource))
    raise ConfigError(f"the server has no resource {argument!r}{_suggestion(argument, served)}")


def _readings(text: str) -> Iterator[_Wanted]:
    match text.split("/"):
        case [name]:
            yield from _dotted_readings(name)
        case [version, name] if _VERSION.fullmatch(version):
            yield _Wanted(name, "", version)
        case [group, name]:
            yield _Wanted(name, group)
        case [group, version, name]:
            yield _Wanted(name, group, version)
        case _:
            return


def _dotted_readings(text: str) -> Iterator[_Wanted]:
    name, dot, rest = text.partition(".")
    if not dot:
        yield _Wanted(name)
        return
    version, _, group = rest.partition(".")
    # kubectl writes the core group as `pods.v1.`; `pods.v1` is what people try.
    if group or _VERSION.fullmatch(version):
        yield _Wanted(name, group, version)
    yield _Wanted(name, rest)


def _matches(wanted: _Wanted, resource: ServedResource, *, group_cut_short: bool = False) -> bool:
    if wanted.version not in {None, resource.version}:
        return False
    if wanted.group not in {None, resource.group} and not (
        group_cut_short and wanted.group and resource.group.startswith(wanted.group)
    ):
        return False
    return wanted.name in _names(resource)


def _names(resource: ServedResource) -> list[str]:
    """Best first."""
    return [name.lower() for name in (resource.plural, resource.singular, resource.kind, *resource.short_names) if name]


def _rank(name: str, resource: ServedResource) -> int:
    return _names(resource).index(name)


def _suggestion(argument: str, served: Sequence[ServedResource]) -> str:
    text = argument.strip().lower()
    name = text.rpartition("/")[2].partition(".")[0]
    # What is wrong is the group or version, if the name alone is right.
    meant = [resource.full_name for resource in served if name in _names(resource)]
    if not meant:
        full_names: dict[str, str] = {}
        for resource in served:
            for known in (resource.full_name.lower(), *_names(resource)):
                full_names.setdefault(known, resource.full_name)
        near = difflib.get_close_matches(text, full_names) + difflib.get_close_matches(name, full_names)
        meant = [full_names[known] for known in near]
    suggestions = list(dict.fromkeys(meant))[:_NEAR_MATCHES]
    return f"; did you mean {', '.join(suggestions)}?" if suggestions else ""
