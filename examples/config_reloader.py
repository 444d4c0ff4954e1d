"""A ConfigMap as files, and a signal when they change: `python config_reloader.py NAMESPACE NAME DIRECTORY PID`.

A sidecar for programs that read their configuration from files. Changes arrive in milliseconds, where a mounted
ConfigMap takes a minute.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping

import msgspec
import trio

from trio_k8swatch import ApiClient, ListOptions, ObjectMeta, open_client, open_watch


class ConfigMap(msgspec.Struct, frozen=True, gc=False):
    """Text by file name."""

    metadata: ObjectMeta
    data: Mapping[str, str] = {}


async def write_files(directory: trio.Path, files: Mapping[str, str]) -> bool:
    """Make the directory hold just these files; whether anything changed. No reader ever sees half a file."""
    await directory.mkdir(parents=True, exist_ok=True)
    present = {path.name: path for path in await directory.iterdir()}
    changed = False
    for name, text in files.items():
        if name not in present or await present[name].read_text() != text:
            fresh = directory / f".{name}.new"
            await fresh.write_text(text)
            await fresh.replace(directory / name)
            changed = True
    for name in present.keys() - files.keys():
        await present[name].unlink()
        changed = True
    return changed


async def keep_files(
    client: ApiClient, namespace: str, name: str, directory: trio.Path, reload: Callable[[], None]
) -> None:
    """Follow one ConfigMap until cancelled. While it does not exist, the last files stay."""
    only_it = ListOptions(field_selector=f"metadata.name={name}")
    resource = client.resource("v1", "configmaps", namespace=namespace, type=ConfigMap)
    async with open_watch(resource, list_options=only_it) as store, store.subscribe() as changes:
        # By default a subscriber skips to the newest state: ten edits while we write are one more reload.
        async for change in changes:
            if change.type != "DELETED" and await write_files(directory, change.object.data):
                reload()


async def main(arguments: list[str]) -> None:
    """Reload the process until interrupted."""
    namespace, name, directory, pid = arguments
    async with open_client() as client:
        await keep_files(client, namespace, name, trio.Path(directory), lambda: os.kill(int(pid), signal.SIGHUP))


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])
