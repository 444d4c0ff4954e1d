"""From options to a connected API server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from trio_k8swatch._errors import ConfigError, ProtocolError, Unavailable
from trio_k8swatch._http import ApiClient, Collection, open_client
from trio_k8swatch.cli._watch_arguments import Order, Target, Wanted, resolve_wanted
from trio_k8swatch.connect import Connection, load, to
from trio_k8swatch.connect._data_or_file import read_file
from trio_k8swatch.connect._server_url import parse_server
from trio_k8swatch.discovery._discovery import discover
from trio_k8swatch.discovery._rest_mapper import ServedResource

__all__ = ["collection_for", "connection_to", "find", "find_all", "open_target"]


@asynccontextmanager
async def open_target(target: Target) -> AsyncGenerator[ApiClient]:
    """A client of the server that is meant. Raises ConfigError, naming option or file, before any request is made."""
    if target.demo:
        # Only here: the fake API server would make every start a fifth longer.
        from trio_k8swatch.cli._demo import open_demo  # noqa: PLC0415

        async with open_demo() as url, open_client(to(url)) as client:
            yield client
    else:
        async with open_client(connection_to(target)) as client:
            yield client


def connection_to(target: Target) -> Connection:
    """The connection that the options describe, as the user that they name."""
    return _impersonating(_connection(target), target)


def _impersonating(connection: Connection, target: Target) -> Connection:
    """As another user, as `kubectl --as` does it: instead of whomever the kubeconfig impersonates."""
    if target.impersonate is None:
        return connection
    kept = [header for header in connection.headers if not header[0].lower().startswith("impersonate-")]
    groups = [("Impersonate-Group", group) for group in target.impersonate_groups]
    return replace(connection, headers=(*kept, ("Impersonate-User", target.impersonate), *groups))


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
    [wanted] = await find_all(client, (resource,))
    return wanted.served


async def find_all(client: ApiClient, resources: Sequence[str]) -> list[Wanted]:
    """What was named, on this server. Raises ConfigError where it stands for nothing that can be watched."""
    served = await _discovered(client)
    server = client.connection.server
    if not served:
        raise ConfigError(f"{server} serves no Kubernetes API: is the URL right, with its path?")
    wanted = resolve_wanted(resources, served)
    for found in (each.served for each in wanted):
        if found.verbs and not {"list", "watch"} <= set(found.verbs):
            verbs = ", ".join(found.verbs)
            raise ConfigError(f"{found.full_name} cannot be watched: {server} offers only {verbs} for it")
    return wanted


async def _discovered(client: ApiClient) -> list[ServedResource]:
    """The first contact: what fails now mostly fails because the address is wrong, or nobody lives there."""
    connection = client.connection
    try:
        return await discover(client)
    except ProtocolError as error:
        raise ProtocolError(f"{error}: is {connection.server} the URL of a Kubernetes API server?") from error
    except Unavailable as error:
        by_option = connection.source == "arguments"
        hint = f"does it run, and is its address right in {'--server' if by_option else connection.source}?"
        if by_option and "TLS: the certificate" in str(error):
            hint = (
                "give its authority with --certificate-authority FILE, or trust anyone with --insecure-skip-tls-verify"
            )
        raise Unavailable(f"{error} ({hint})") from error


def collection_for(order: Order, served: ServedResource, connection: Connection) -> Collection:
    """What to list and watch. The namespace is kubectl's choice; a demo is shown as a whole."""
    namespace = order.namespace or connection.namespace
    everywhere = order.all_namespaces or (order.target.demo and order.namespace is None)
    return Collection(served.api_version, served.plural, namespace if served.namespaced and not everywhere else None)
