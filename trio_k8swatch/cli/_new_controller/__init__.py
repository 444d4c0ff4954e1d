"""`trio-k8swatch new controller`: a small project that passes its own tests."""

from __future__ import annotations

from .project import NotWritten, write_project

__all__ = ["NotWritten", "write_project"]
