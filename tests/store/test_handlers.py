"""The callables that users pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest

from trio_k8swatch import ConfigError, HandlerFuncs


def test_A8_each_handler_is_optional() -> None:
    """Those that are not given are not called."""
    handlers: HandlerFuncs[object] = HandlerFuncs()
    assert (handlers.add, handlers.update, handlers.delete) == (None, None, None)


def test_A8_handlers_do_not_change() -> None:
    """One set for a whole watch; who wants another subscribes."""
    handlers: HandlerFuncs[object] = HandlerFuncs(add=lambda obj, preexisting: None)
    with pytest.raises(AttributeError, match="immutable"):
        handlers.add = None  # type: ignore[misc] - the point


async def _coroutine_function(*_: object) -> None:
    raise AssertionError


async def _async_generator(*_: object) -> AsyncGenerator[None]:
    yield


class _Callable:
    async def __call__(self, *_: object) -> None:
        raise AssertionError


@pytest.mark.parametrize("name", ["add", "update", "delete"])
@pytest.mark.parametrize(
    "handler", [_coroutine_function, _async_generator, _Callable(), partial(_coroutine_function, 1)], ids=repr
)
def test_R22_an_async_handler_is_refused_at_once(name: str, handler: Any) -> None:
    """In one line that says what to use instead."""
    with pytest.raises(ConfigError, match=rf"HandlerFuncs\({name}=…\) is async: .*subscribe") as caught:
        HandlerFuncs(**{name: handler})
    assert "\n" not in str(caught.value)
