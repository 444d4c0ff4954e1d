"""The pytest plugin: hands out a fake API server to whoever asks, and loads nothing until then."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ._server import FakeApiServer


@pytest.fixture
def fake_apiserver() -> Generator[FakeApiServer]:
    """A fresh `FakeApiServer` with seed 0. It follows trio's clock: with `autojump_clock` its days pass in no time.

    What the server itself could not do fails the test at its end.
    """
    # Every run of pytest imports this module; only those that use the fixture should pay for the server.
    from ._server import FakeApiServer  # noqa: PLC0415

    fake = FakeApiServer()
    yield fake
    fake.raise_failures()
