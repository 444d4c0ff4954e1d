"""`trio-k8swatch types`: from a resource and its fields to a Python module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from trio_k8swatch._errors import ConfigError, NotFound, ProtocolError
from trio_k8swatch.cli._target import find, open_target
from trio_k8swatch.cli._watch_arguments import Target
from trio_k8swatch.connect._data_or_file import read_file
from trio_k8swatch.connect._kubeconfig.yaml_text import plain_data

from .chosen_fields import select
from .render import render
from .schema import Kind, kind_in_crd, kind_in_openapi

__all__ = ["print_types_from_server", "types_from_crd"]


def types_from_crd(file: Path, fields: Sequence[str], version: str | None) -> str:
    """The module for a CustomResourceDefinition in a file. Raises ConfigError, naming the file, for anything else."""
    document = plain_data(read_file(file, "--crd"), label=f"{file}: ")
    if not isinstance(document, dict):
        raise ConfigError(f"{file} holds no CustomResourceDefinition")
    try:
        return _module(kind_in_crd(cast("dict[str, Any]", document), version=version), fields)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


async def print_types_from_server(target: Target, resource: str, fields: Sequence[str]) -> None:
    """Print the module for a resource as the server describes it. Raises ConfigError for one that it does not describe."""
    async with open_target(target) as client:
        served = await find(client, resource)
        group_version = f"apis/{served.api_version}" if served.group else f"api/{served.api_version}"
        try:
            body = await client.get(f"/openapi/v3/{group_version}")
            document: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        except NotFound as error:
            raise ConfigError(f"{client.connection.server} has no OpenAPI document of {served.api_version}") from error
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"the OpenAPI document of {served.api_version} cannot be read: {error}") from error
    kind = kind_in_openapi(document, kind=served.kind, api_version=served.api_version, plural=served.plural)
    print(_module(kind, fields), end="")


def _module(kind: Kind, fields: Sequence[str]) -> str:
    return render(kind, select(kind, fields))
