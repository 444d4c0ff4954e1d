"""Events: telling people what a program does with an object."""

from __future__ import annotations

from .recorder import Recorder

__all__ = ["Recorder"]
