"""The kubeconfig that leads to the fake: its text, and the file for as long as it is true."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import yaml

from trio_k8swatch._errors import ConfigError

__all__ = ["kubeconfig", "written"]

_MARK: Final = "# Written by `trio-k8swatch fake`, which removes it when it ends.\n"


def kubeconfig(server: str, *, authority: str | None, token: str | None) -> str:
    """A kubeconfig with one context, `fake`. `authority` is the PEM of who signed the server's certificate.

    Where the server asks for no token there is one all the same: without, kubectl asks for a user name if there is TLS.
    """
    cluster: dict[str, Any] = {"server": server}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority.encode()).decode()
    else:
        # The JavaScript client speaks plain HTTP only to servers that need not prove who they are.
        cluster["insecure-skip-tls-verify"] = True
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": cluster}],
        "users": [{"name": "fake", "user": {"token": token or "fake"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake", "namespace": "default"}}],
        "current-context": "fake",
    }
    # PyYAML's stubs name a type that they do not have.
    return yaml.safe_dump(content, sort_keys=False)  # pyright: ignore[reportUnknownMemberType]


@contextmanager
def written(path: Path, text: str) -> Generator[None]:
    """Have `text` in that file, whole from the first moment and readable by its owner only, until the block is left.

    Raises ConfigError for a file that somebody else has written: it may be the way to a real cluster.
    """
    content = _MARK + text
    try:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
            raise ConfigError(f"--kubeconfig {path}: there is a file that this command has not written: name another")
        _replace(path, content)
    except OSError as error:
        raise ConfigError(f"--kubeconfig {path}: cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            if path.read_text(encoding="utf-8", errors="replace") == content:
                path.unlink()


def _replace(path: Path, content: str) -> None:
    """Who waits for the file finds all of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
