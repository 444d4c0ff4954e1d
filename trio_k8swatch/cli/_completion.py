"""What a shell may put in place of a word half typed, asked of the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import click
import trio
from click.shell_completion import CompletionItem

from trio_k8swatch._errors import K8sWatchError
from trio_k8swatch._http import ApiClient
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import PartialObjectMetadata
from trio_k8swatch.cli._target import open_target
from trio_k8swatch.cli._watch_arguments import Target
from trio_k8swatch.connect._load import context_names
from trio_k8swatch.discovery._discovery import discover
from trio_k8swatch.discovery._rest_mapper import ServedResource, resolve

__all__ = ["complete_context", "complete_namespace", "complete_resource"]

_PATIENCE_SECONDS: Final = 3.0
"""Somebody waits at a prompt; a server that is slower than this gives nothing."""
_MAX_NAMES: Final = 500


def complete_resource(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`po` → `pods`, `pods,se` → `pods,services`, `deploy/w` → `deploy/web`; behind a type, names."""
    typed: Sequence[str] = context.params.get("resources") or ()
    names_of = typed[0] if typed and "/" not in typed[0] and "," not in typed[0] else None

    async def ask(client: ApiClient) -> list[str]:
        served = await discover(client)
        type_, slash, name = incomplete.partition("/")
        if names_of is not None:
            return await _names(client, resolve(names_of, served), context, incomplete)
        if slash:
            return [f"{type_}/{each}" for each in await _names(client, resolve(type_, served), context, name)]
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{each}" for each in _types(served, last)]

    return _asked(context, ask)


def complete_namespace(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The namespaces of the server."""

    async def ask(client: ApiClient) -> list[str]:
        return await _list_names(client, "namespaces", None, incomplete)

    return _asked(context, ask)


def complete_context(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The contexts of the kubeconfig."""
    try:
        names = context_names(context.params.get("kubeconfig"))
    except K8sWatchError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _types(served: Sequence[ServedResource], incomplete: str) -> list[str]:
    """Plurals; with the group where another group has the same plural, or where a group was begun."""
    watchable = [each for each in served if not each.verbs or {"list", "watch"} <= set(each.verbs)]
    found: dict[str, None] = {}
    for each in watchable:
        is_first = next(one for one in watchable if one.plural == each.plural).group == each.group
        found.setdefault(each.plural if is_first and "." not in incomplete else each.full_name)
    return [name for name in found if name.startswith(incomplete)]


async def _names(client: ApiClient, served: ServedResource, context: click.Context, incomplete: str) -> list[str]:
    namespace = context.params.get("namespace") or client.connection.namespace
    everywhere = context.params.get("all_namespaces") or (
        context.params.get("demo") and not context.params.get("namespace")
    )
    where = namespace if served.namespaced and not everywhere else None
    resource = client.resource(served.api_version, served.plural, namespace=where, type=PartialObjectMetadata)
    listing = await resource.list(ListOptions(page_size=_MAX_NAMES))
    return [each.metadata.name for each in listing.items if each.metadata.name.startswith(incomplete)]


async def _list_names(client: ApiClient, plural: str, namespace: str | None, incomplete: str) -> list[str]:
    resource = client.resource("v1", plural, namespace=namespace, type=PartialObjectMetadata)
    listing = await resource.list(ListOptions(page_size=_MAX_NAMES))
    return [each.metadata.name for each in listing.items if each.metadata.name.startswith(incomplete)]


def _asked(context: click.Context, ask: Callable[[ApiClient], Awaitable[list[str]]]) -> list[CompletionItem]:
    """What the server answers; nothing where it does not, for a shell has no place for errors."""

    async def answers() -> list[str]:
        with trio.move_on_after(_PATIENCE_SECONDS):
            async with open_target(_target(context.params)) as client:
                return await ask(client)
        return []

    try:
        return [CompletionItem(each) for each in trio.run(answers)]
    except (K8sWatchError, OSError, BaseExceptionGroup):
        return []


def _target(parameters: dict[str, Any]) -> Target:
    """The options that were typed so far, as the command would have them."""
    chosen = {name: parameters[name] for name in Target.__struct_fields__ if parameters.get(name) is not None}
    return Target(**chosen)
