"""The callables that users pass."""

from __future__ import annotations

import dataclasses

import pytest

from trio_k8swatch import HandlerFuncs


def test_A8_each_handler_is_optional() -> None:
    """Those that are not given are not called."""
    handlers: HandlerFuncs[object] = HandlerFuncs()
    assert (handlers.add, handlers.update, handlers.delete) == (None, None, None)


def test_A8_handlers_do_not_change() -> None:
    """One set for a whole watch; who wants another subscribes."""
    handlers: HandlerFuncs[object] = HandlerFuncs(add=lambda obj, preexisting: None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        handlers.add = None  # type: ignore[misc] - the point
