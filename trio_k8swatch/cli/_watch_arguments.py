"""What somebody asked for on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.cli._output.jsonpath import Template
from trio_k8swatch.discovery._rest_mapper import ServedResource, resolve

__all__ = ["Order", "Output", "Target", "Wanted", "resolve_wanted"]

_MAX_WATCHES: Final = 50
"""More would be a mistake, and each is a connection."""


class Output(StrEnum):
    """How changes are written."""

    TABLE = "table"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    YAML = "yaml"
    JSONPATH = "jsonpath"


class Target(msgspec.Struct, frozen=True):
    """Which API server, and as whom."""

    kubeconfig: Path | None = None
    context: str | None = None
    server: str | None = None
    token_file: Path | None = None
    certificate_authority: Path | None = None
    insecure: bool = False
    impersonate: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    demo: bool = False


class Order(msgspec.Struct, frozen=True):
    """One `trio-k8swatch watch`."""

    resources: tuple[str, ...]
    """As they were typed: `pods`, `pods web-0`, `deploy/web svc/web`, `pods,services`."""
    target: Target = msgspec.field(default_factory=Target)
    namespace: str | None = None
    """None: that of the connection."""
    all_namespaces: bool = False
    label_selector: str | None = None
    field_selector: str | None = None
    output: Output = Output.TABLE
    template: Template | None = None
    """For JSONPATH."""
    label_columns: tuple[str, ...] = ()
    show_labels: bool = False
    no_headers: bool = False
    output_watch_events: bool = False
    watch_only: bool = False
    request_timeout: float | None = None
    """In seconds."""
    max_events: int | None = None
    metrics_port: int | None = None

    @property
    def is_table(self) -> bool:
        """Whether the server's tables are asked for."""
        return self.output in {Output.TABLE, Output.WIDE}


class Wanted(msgspec.Struct, frozen=True):
    """One collection, and which objects of it by name; none for all."""

    served: ServedResource
    names: tuple[str, ...] = ()


def resolve_wanted(arguments: Sequence[str], served: Sequence[ServedResource]) -> list[Wanted]:
    """What the arguments of `watch` stand for, by kubectl's rules. Raises ConfigError.

    TYPE[,TYPE…] · TYPE NAME… · TYPE/NAME [TYPE/NAME…] · and GROUP/TYPE, VERSION/TYPE, GROUP/VERSION/TYPE, where the first part
    is no type.
    """
    first, *more = arguments
    wanted = [_one(text, served) for text in first.split(",")]
    if more and all(not each.names for each in wanted) and not any("/" in argument for argument in more):
        wanted = [Wanted(each.served, tuple(more)) for each in wanted]
    elif more:
        for argument in more:
            each = _one(argument, served) if "/" in argument else None
            if each is None or not all(one.names for one in [*wanted, each]):
                raise ConfigError(
                    f"{' '.join(arguments)}: write TYPE NAME…, or TYPE/NAME each time, as kubectl has it"
                    " (several types without names are TYPE,TYPE)"
                )
            wanted.append(each)
    return _merged(wanted)


def _one(text: str, served: Sequence[ServedResource]) -> Wanted:
    type_, slash, name = text.partition("/")
    if slash and name and "/" not in name:
        try:
            return Wanted(resolve(type_, served), (name,))
        except ConfigError as error:
            try:
                return Wanted(resolve(text, served))
            except ConfigError:
                raise error from None
    return Wanted(resolve(text, served))


def _merged(wanted: Sequence[Wanted]) -> list[Wanted]:
    """Those of one collection together, in the order in which they were named first."""
    names: dict[ServedResource, list[str] | None] = {}
    for each in wanted:
        if not each.names or names.get(each.served, ()) is None:
            names[each.served] = None
        else:
            named = names.setdefault(each.served, [])
            assert named is not None
            named.extend(name for name in each.names if name not in named)
    if sum(len(each or ("",)) for each in names.values()) > _MAX_WATCHES:
        raise ConfigError(f"more than {_MAX_WATCHES} watches: use selectors (-l, --field-selector)")
    return [Wanted(each, tuple(chosen or ())) for each, chosen in names.items()]
