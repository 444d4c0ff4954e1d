"""From options to a connected API server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from trio_k8swatch._errors import ConfigError, ProtocolError, Unavailable
from trio_k8swatch._http import ApiClient, Collection, open_client
from trio_k8swatch.cli._watch_arguments import Order, Target
from trio_k8swatch.connect import Connection, load, to
from trio_k8swatch.connect._data_or_file import read_file
from trio_k8swatch.connect._server_url import parse_server
from trio_k8swatch.discovery._discovery import discover
from trio_k8swatch.discovery._rest_mapper import ServedResource, resolve

__all__ = ["collection_for", "find", "open_target"]


@asynccontextmanager
async def open_target(target: Target) -> AsyncGenerator[ApiClient]:
    """A client of the server that is meant. Raises ConfigError, naming option or file, before any request is made."""
    if target.demo:
        # Only here: the fake API server would make every start a fifth longer.
        from trio_k8swatch.cli._demo import open_demo  # noqa: PLC0415

        async with open_demo() as url, open_client(to(url)) as client:
            yield client
    else:
        async with open_client(_connection(target)) as client:
            yield client


def _connection(target: Target) -> Connection:
    if target.server is None:
        return load(target.kubeconfig, target.context)
    parse_server(target.server, label="--server")
    token = None
    if target.token_file is not None:
        token = read_file(target.token_file, "--token-file").decode(errors="replace")
    return to(
        target.server,
        token=token,
        certificate_authority=target.certificate_authority,
        insecure=target.insecure,
    )


async def find(client: ApiClient, resource: str) -> ServedResource:
    """What RESOURCE stands for on this server. Raises ConfigError where it stands for nothing that can be watched."""
    served = await _discovered(client)
    server = client.connection.server
    if not served:
        raise ConfigError(f"{server} serves no Kubernetes API: is the URL right, with its path?")
    found = resolve(resource, served)
    if found.verbs and not {"list", "watch"} <= set(found.verbs):
        verbs = ", ".join(found.verbs)
        raise ConfigError(f"{found.full_name} cannot be watched: {server} offers only {verbs} for it")
    return found


async def _discovered(client: ApiClient) -> list[ServedResource]:
    """The first contact: what fails now mostly fails because the address is wrong, or nobody lives there."""
    connection = client.connection
    try:
        return await discover(client)
    except ProtocolError as error:
        raise ProtocolError(f"{error}: is {connection.server} the URL of a Kubernetes API server?") from error
    except Unavailable as error:
        named = "--server" if connection.source == "arguments" else connection.source
        raise Unavailable(f"{error} (does it run, and is its address right in {named}?)") from error


def collection_for(order: Order, served: ServedResource, connection: Connection) -> Collection:
    """What to list and watch. The namespace is kubectl's choice; a demo is shown as a whole."""
    namespace = order.namespace or connection.namespace
    everywhere = order.all_namespaces or (order.target.demo and order.namespace is None)
    return Collection(served.api_version, served.plural, namespace if served.namespaced and not everywhere else None)
