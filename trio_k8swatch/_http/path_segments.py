"""The parts of a path on the API server, each checked where it is made.

A segment that is not what it says (`..`, `a?x=`, `a/b`) would ask for something else than was meant: `..` for a namespace
reads the objects of all of them. So nothing gets into a path unless it has the form that Kubernetes gives it.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from trio_k8swatch._errors import ConfigError

__all__ = [
    "SUBDOMAIN",
    "checked_group_version",
    "checked_namespace",
    "checked_plural",
    "checked_subresource",
    "name_segment",
]

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123, as Kubernetes names namespaces, versions and resources."""

SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_SUBDOMAIN_CHARACTERS: Final = 253

_CORE_VERSION: Final = re.compile(r"v\d+((alpha|beta)\d+)?")

_MAX_NAME_CHARACTERS: Final = 1024
"""Names are at most 253 characters long nearly everywhere; whatever is longer is no name."""

_ADVICE: Final = "use for example resource('apps/v1', 'deployments')"


def checked_group_version(api_version: str) -> str:
    """`v1` or `apps/v1`. Raises ConfigError for anything else."""
    group, slash, version = api_version.rpartition("/")
    if not slash and not _CORE_VERSION.fullmatch(version):
        raise ConfigError(f"api_version is {api_version!r}: use v1, or a group with its version, as in apps/v1")
    if slash and not (SUBDOMAIN.fullmatch(group) and len(group) <= _MAX_SUBDOMAIN_CHARACTERS):
        raise ConfigError(f"api_version is {api_version!r}: {group!r} is no API group; {_ADVICE}")
    if slash and not _LABEL.fullmatch(version):
        raise ConfigError(f"api_version is {api_version!r}: {version!r} is no version; {_ADVICE}")
    return api_version


def checked_plural(plural: str) -> str:
    """`deployments`. Raises ConfigError for what cannot be the plural of a resource."""
    if not _LABEL.fullmatch(plural):
        raise ConfigError(f"plural is {plural!r}: it has lower-case letters, digits and dashes only; {_ADVICE}")
    return plural


def checked_namespace(namespace: str) -> str:
    """`default`. Raises ConfigError for what cannot be the name of a namespace."""
    if not _LABEL.fullmatch(namespace):
        raise ConfigError(
            f"namespace is {namespace!r}: a namespace has at most 63 lower-case letters, digits and dashes; "
            "use None, or -A on the command line, for all namespaces"
        )
    return namespace


def checked_subresource(subresource: str) -> str:
    """`scale`. Raises ConfigError for what cannot be a subresource."""
    if not _LABEL.fullmatch(subresource):
        raise ConfigError(f"subresource is {subresource!r}: use for example 'status' or 'scale'")
    return subresource


def name_segment(name: str) -> str:
    """The name of an object as a segment of a path. Raises ConfigError for what Kubernetes takes for no name."""
    # As its IsValidPathSegmentName, which is all that holds for every kind: roles may be called `system:node`.
    if not name or name in {".", ".."} or "/" in name or "%" in name or len(name) > _MAX_NAME_CHARACTERS:
        raise ConfigError(
            f"{name!r} cannot be the name of an object: it is empty, too long, '.', '..', or has '/' or '%' in it"
        )
    if not name.isprintable():
        raise ConfigError(f"{name!r} cannot be the name of an object: it has characters in it that cannot be printed")
    return quote(name, safe=":@!$&'()*+,;=")
