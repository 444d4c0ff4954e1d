"""Kubeconfig files parsed and merged as kubectl does it.

| what                                     | kubectl                                  | here                        |
|------------------------------------------|------------------------------------------|-----------------------------|
| `--kubeconfig F`                         | F alone; it must exist                   | the same                    |
| `KUBECONFIG=a:b`                         | merged; missing, repeated, empty: skipped| the same                    |
| `KUBECONFIG` unset or empty              | `~/.kube/config`, which may be missing   | the same                    |
| one name in two files                    | the first file's entry, as a whole       | the same                    |
| `current-context` in two files           | the first that is not empty              | the same                    |
| one name twice in a file                 | refused                                  | the same                    |
| a key twice in a mapping                 | the last one                             | the same                    |
| unknown fields, other case               | ignored                                  | the same                    |
| null                                     | as if left out                           | the same                    |
| a number or true where text belongs      | refused                                  | the same                    |
| plain `y` and `n`                        | booleans, so refused                     | text                        |
| dates and times of day                   | text                                     | the same                    |
| UTF-16 with a byte order mark            | read                                     | the same                    |
| an empty file                            | an empty configuration                   | the same                    |
| JSON, also with tabs                     | read                                     | the same                    |
| another `kind` or `apiVersion`           | refused                                  | the same                    |
| relative file names                      | relative to the file that names them     | the same                    |
| `exec.command` with a slash              | relative to the file that names it       | the same                    |
| `exec.command` without a slash           | searched in PATH                         | the same                    |
| bad base64 in an entry that is not used  | refused                                  | ignored                     |

What an entry means is decided in `_context.py`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._data_or_file import File, Inline, read_file

from .yaml_text import plain_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trio_k8swatch.connect._data_or_file import Material

__all__ = ["Cluster", "Context", "Entry", "Exec", "Kubeconfig", "User", "kubeconfig_paths", "read_kubeconfigs"]

T = TypeVar("T")

# msgspec's names of types.
_IN_WORDS: Final = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
}


class _Part(msgspec.Struct, frozen=True, rename="kebab"):
    """A piece of a kubeconfig. Not to be printed: it may hold secrets."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Extension(_Part, frozen=True):
    """A named addition; plugins read one of them."""

    name: str = ""
    extension: Any = None


class Cluster(_Part, frozen=True):
    """Where a server is, and how to know it."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[Extension] = []


class EnvVar(_Part, frozen=True):
    """One variable added to a plugin's environment."""

    name: str = ""
    value: str = ""


class Exec(_Part, frozen=True, rename="camel"):
    """A program that prints credentials."""

    command: str = ""
    api_version: str = ""
    args: list[str] = []
    env: list[EnvVar] = []
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class User(_Part, frozen=True):
    """Who we are."""

    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    impersonate: str = msgspec.field(default="", name="as")
    impersonate_uid: str = msgspec.field(default="", name="as-uid")
    impersonate_groups: list[str] = msgspec.field(default_factory=list[str], name="as-groups")
    impersonate_extra: dict[str, list[str]] = msgspec.field(default_factory=dict[str, list[str]], name="as-user-extra")
    exec: Exec | None = None
    auth_provider: Any = None


class Context(_Part, frozen=True):
    """A user at a cluster, in a namespace."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(_Part, frozen=True):
    name: str = ""
    cluster: Cluster = Cluster()


class _NamedUser(_Part, frozen=True):
    name: str = ""
    user: User = User()


class _NamedContext(_Part, frozen=True):
    name: str = ""
    context: Context = Context()


class _File(_Part, frozen=True):
    api_version: str = msgspec.field(default="v1", name="apiVersion")
    kind: str = "Config"
    current_context: str = ""
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []
    contexts: list[_NamedContext] = []


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """A named part of a kubeconfig, and the file that it stands in."""

    value: T
    section: str
    name: str
    path: Path

    def label(self, name: str) -> str:
        """How errors name the field `name` of this entry: file and field."""
        return f"{self.path}: {self.section}s[{self.name}].{self.section}.{name}"

    def resolve(self, name: str) -> Path:
        """A file name in this entry is relative to the kubeconfig it stands in."""
        return self.path.parent / name

    def material(self, name: str, file: str, data: str) -> Material | None:
        """What the fields `name` and `name`-data stand for; the data wins."""
        if data:
            return Inline(self.label(f"{name}-data"), data)
        return File(self.label(name), self.resolve(file)) if file else None


class Kubeconfig(msgspec.Struct, frozen=True):
    """All files as one. `paths` are those that were looked at, whether they exist or not."""

    paths: tuple[Path, ...]
    current_context: str = ""
    clusters: dict[str, Entry[Cluster]] = msgspec.field(default_factory=dict[str, Entry[Cluster]])
    users: dict[str, Entry[User]] = msgspec.field(default_factory=dict[str, Entry[User]])
    contexts: dict[str, Entry[Context]] = msgspec.field(default_factory=dict[str, Entry[Context]])


def kubeconfig_paths(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The files kubectl would look at, first one first."""
    listed = [Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    return tuple(dict.fromkeys(listed)) or (home / ".kube" / "config",)


def read_kubeconfigs(paths: Sequence[Path], *, must_exist: bool) -> Kubeconfig:
    """Read the files and merge them, the first one winning. Small files: blocks for less than a millisecond each."""
    absolute = tuple(path.absolute() for path in paths)
    files = [(path, _parse(read_file(path, "kubeconfig"), path)) for path in absolute if must_exist or _exists(path)]
    return Kubeconfig(
        paths=absolute,
        current_context=next((file.current_context for _, file in files if file.current_context), ""),
        clusters=_merged("cluster", [(path, [(c.name, c.cluster) for c in file.clusters]) for path, file in files]),
        users=_merged("user", [(path, [(u.name, u.user) for u in file.users]) for path, file in files]),
        contexts=_merged("context", [(path, [(c.name, c.context) for c in file.contexts]) for path, file in files]),
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # There is something we may not look at: let the attempt to read it say so.
        return True


def _merged(section: str, files: list[tuple[Path, list[tuple[str, T]]]]) -> dict[str, Entry[T]]:
    merged: dict[str, Entry[T]] = {}
    for path, named in files:
        own: dict[str, Entry[T]] = {}
        for name, value in named:
            if name in own:
                raise ConfigError(f"{path}: {section}s has two entries named {name!r}; remove one")
            own[name] = Entry(value, section, name, path)
        merged = own | merged
    return merged


def _parse(raw: bytes, path: Path) -> _File:
    data = plain_data(raw, label=f"kubeconfig {path}")
    if data is None:
        return _File()
    if not isinstance(data, dict):
        raise ConfigError(
            f"kubeconfig {path} is not a kubeconfig: a mapping with clusters, users, contexts is expected"
        )
    try:
        file = msgspec.convert(data, _File)
    except msgspec.ValidationError as error:
        raise ConfigError(f"kubeconfig {path}: {_in_words(str(error))}") from None
    if (file.kind or "Config", file.api_version or "v1") != ("Config", "v1"):
        raise ConfigError(
            f"kubeconfig {path} is not a kubeconfig: it says kind {file.kind}, apiVersion {file.api_version}"
        )
    return file


def _in_words(problem: str) -> str:
    """From msgspec's "Expected `str`, got `int` - at `$.users[0].user.token`", the field first."""
    match = re.fullmatch(r"Expected `(.*)`, got `(.*)` - at `(?:key in )?\$\.?(.*)`", problem)
    if match is None:
        return problem
    expected, got, where = match.groups()
    hint = " (put it in quotes)" if expected == "str" and got in {"int", "float", "bool"} else ""
    return f"{where or 'the document'} must be {_IN_WORDS.get(expected, expected)}, not {_IN_WORDS.get(got, got)}{hint}"
