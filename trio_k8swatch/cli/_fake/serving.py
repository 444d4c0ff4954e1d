"""One `trio-k8swatch fake`, from its manifests to its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import msgspec
import trio

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._extras import install_command
from trio_k8swatch.cli._stderr import complain
from trio_k8swatch.testing import FakeApiServer

from .kubeconfig_file import kubeconfig, written
from .loading import load
from .manifests import Manifest

__all__ = ["FakeOrder", "serve"]

# Nobody can ask this process for its log: it is to stay small for weeks.
_KEPT_CALLS: Final = 100


class FakeOrder(msgspec.Struct, frozen=True):
    """What somebody asked for on the command line."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    token: str | None = None
    kubeconfig: Path | None = None
    manifests: tuple[Manifest, ...] = ()
    simulate: bool = False
    faults: int | None = None
    faults_every: float = 15.0


async def serve(order: FakeOrder) -> None:
    """Serve until cancelled. The kubeconfig is there as soon as the server answers, and no longer than it does.

    Raises ConfigError, before anything is served, for manifests, port or kubeconfig that cannot be.
    """
    fake = FakeApiServer(
        seed=order.faults or 0, epoch=datetime.now(UTC), token=order.token, request_log_limit=_KEPT_CALLS
    )
    await load(fake, order.manifests)
    if order.simulate:
        fake.simulate()
    if order.faults is not None:
        fake.faults.random(every_seconds=order.faults_every, on_draw=lambda name: complain(f"fault: {name}"))
    async with _listening(fake, order) as (url, authority):
        text = kubeconfig(url, authority=authority, token=order.token)
        with ExitStack() as stack:
            if order.kubeconfig is not None:
                stack.enter_context(written(order.kubeconfig, text))
                hint = f"export KUBECONFIG={order.kubeconfig.absolute()}"
            else:
                print(text, end="", flush=True)
                hint = "its kubeconfig is on standard output"
            complain(f"serving {url} until Ctrl-C; {hint}")
            await trio.sleep_forever()


@asynccontextmanager
async def _listening(fake: FakeApiServer, order: FakeOrder) -> AsyncGenerator[tuple[str, str | None]]:
    """The URL, and the certificate of its authority."""
    async with AsyncExitStack() as stack:
        where = f"{order.host}:{order.port}"
        try:
            url = await stack.enter_async_context(fake.serve(host=order.host, port=order.port, tls=order.tls))
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"--tls needs {error.name}, which is not installed: {install_command('testing')}"
            ) from error
        except OSError as error:
            raise ConfigError(f"cannot listen on {where}: {_reason(error)}; choose another --host or --port") from error
        yield str(url), url.ca


def _reason(error: OSError) -> str:
    """Trio may report several addresses at once; the first reason will do."""
    causes = _causes(error.__cause__)
    return next((one.strerror for one in causes if one.strerror), None) or error.strerror or str(error)


def _causes(error: BaseException | None) -> list[OSError]:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [found for one in group.exceptions for found in _causes(one)]
    return [error] if isinstance(error, OSError) else []
