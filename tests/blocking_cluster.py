"""A fake API server on a socket, in a thread of its own, for what is not async."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest

from trio_k8swatch.blocking._loop import Loop, open_loop
from trio_k8swatch.testing import FakeApiServer

__all__ = ["Server", "current_context", "pod", "served"]

R = TypeVar("R")


@dataclass
class Server:
    """What a test does to it, it does in the server's thread."""

    loop: Loop
    fake: FakeApiServer
    url: str

    def run(self, f: Callable[[FakeApiServer], R]) -> R:
        return self.loop.run(lambda: f(self.fake))

    def create(self, name: str, **labels: str) -> dict[str, Any]:
        return self.run(lambda fake: fake.create(pod(name, **labels)))

    def label(self, name: str, **labels: str) -> dict[str, Any]:
        patch = {"metadata": {"labels": labels}}
        return self.run(lambda fake: fake.patch("pods", name, patch, namespace="default"))

    def delete(self, name: str) -> None:
        self.run(lambda fake: fake.delete("pods", name, namespace="default"))

    @property
    def open_watches(self) -> int:
        return self.run(lambda fake: len(fake._streams))

    @contextmanager
    def fault(self, name: str, **options: Any) -> Iterator[None]:
        fault = self.run(lambda fake: getattr(fake.faults, name)(**options))
        try:
            yield
        finally:
            self.run(lambda _: fault.__exit__(None, None, None))


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "example"}]},
        "status": {"phase": "Running"},
    }


@contextmanager
def served(make: Callable[[], FakeApiServer] = FakeApiServer) -> Iterator[Server]:
    with open_loop() as loop:
        fake = loop.run(make)
        with loop.held(fake.serve()) as url:
            yield Server(loop, fake, url)


@contextmanager
def current_context(server: Server) -> Iterator[None]:
    """`open_client()` without arguments finds the server."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        path = Path(directory) / "config"
        cluster = {"name": "fake", "cluster": {"server": server.url}}
        context = {"name": "fake", "context": {"cluster": "fake", "user": ""}}
        path.write_text(json.dumps({"clusters": [cluster], "contexts": [context], "current-context": "fake"}))
        patch.setenv("KUBECONFIG", str(path))
        yield
