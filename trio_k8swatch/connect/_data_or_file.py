"""A certificate, key or token that is either inline or in a file that may change."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trio_k8swatch._errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["File", "Inline", "Material", "read_file"]


MAX_FILE_BYTES: Final = 8 * 1024 * 1024
"""Of a kubeconfig, a token, certificates. A device or a pipe may have no end (R14)."""

_PART_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Inline:
    """Base64 text under `label`, the file and field that an error message names."""

    label: str
    text: str

    def read(self) -> bytes:
        try:
            return base64.b64decode("".join(self.text.split()), validate=True)
        except binascii.Error:
            raise ConfigError(f"{self.label} is not valid base64") from None


@dataclass(frozen=True, slots=True)
class File:
    """A file named by the field `label`; read anew each time."""

    label: str
    path: Path

    def read(self) -> bytes:
        return read_file(self.path, self.label)


Material = Inline | File


def read_file(path: Path, label: str) -> bytes:
    """The whole file; `ConfigError` beginning with `label` if that cannot be had. Blocks."""
    try:
        with path.open("rb") as file:
            # In parts: one read of so many bytes would take the memory for them, however small the file is.
            content = b""
            while len(content) <= MAX_FILE_BYTES and (part := file.read(_PART_BYTES)):
                content += part
    except FileNotFoundError:
        raise ConfigError(f"{label}: there is no file {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"{label}: {path} is a directory, not a file") from None
    except PermissionError:
        raise ConfigError(f"{label}: no permission to read {path}") from None
    except OSError as error:
        raise ConfigError(f"{label}: cannot read {path}: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{label}: {path} is larger than {MAX_FILE_BYTES} bytes: name the right file")
    return content
