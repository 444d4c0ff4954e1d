"""Which objects manifests describe, and where each of them stands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import msgspec
import yaml

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._data_or_file import read_file
from trio_k8swatch.testing._http.json_body import NotJson
from trio_k8swatch.testing._http.yaml_body import parse_yaml

__all__ = ["Manifest", "read_manifests"]

Object: TypeAlias = dict[str, Any]

_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_SEPARATOR: Final = re.compile(rb"^---(?=\s)[^\n]*\n?|^---\Z", re.MULTILINE)


class Manifest(msgspec.Struct, frozen=True):
    """One object; `where` is its file and the line on which its document begins."""

    where: str
    obj: Object


def read_manifests(paths: Sequence[Path]) -> list[Manifest]:
    """The objects of files, of the YAML and JSON files of directories (not of those below), and of stdin (`-`).

    In the order given, by name within a directory; lists are taken apart. Blocks. Raises ConfigError that names file
    and line for what cannot be read, is not YAML, or is no Kubernetes object.
    """
    return [found for path in paths for file in _files(path) for found in _objects(file)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES and one.is_file())
    if not found:
        raise ConfigError(f"-f {path}: the directory has no *.yaml, *.yml or *.json file")
    return found


def _objects(file: Path) -> Iterator[Manifest]:
    stdin = str(file) == "-"
    name = "-f - (stdin)" if stdin else str(file)
    text = sys.stdin.buffer.read() if stdin else read_file(file, "-f")
    for line, document in _documents(text):
        where = f"{name}, line {line}"
        value = _parsed(name, line, document)
        if value is not None:
            yield from _flattened(where, value)


def _documents(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Each document that says something, with the line on which it begins."""
    start = 0
    for end, following in [*((one.start(), one.end()) for one in _SEPARATOR.finditer(text)), (len(text), len(text))]:
        piece = text[start:end]
        said = piece.lstrip()
        if said:
            yield 1 + text.count(b"\n", 0, start + len(piece) - len(said)), said
        start = following


def _parsed(name: str, line: int, document: bytes) -> object:
    try:
        return cast("object", parse_yaml(document))
    except NotJson as error:
        problem, at = str(error).partition("\n")[0], line
        # What PyYAML stumbled over says where, in the document; the text of it may be a secret.
        if isinstance(error.__context__, yaml.MarkedYAMLError):
            found = error.__context__
            mark = found.problem_mark or found.context_mark
            problem, at = found.problem or "unreadable", line + (mark.line if mark else 0)
        problem = problem.removeprefix("error converting YAML to JSON: ").removeprefix("yaml: ")
        raise ConfigError(f"{name}, line {at}: not YAML ({problem})") from None


def _flattened(where: str, value: object) -> Iterator[Manifest]:
    """The object, or the items of a list."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: no Kubernetes object, but {_what(value)}")
    obj = cast("Object", value)
    for field in ("apiVersion", "kind"):
        if not isinstance(obj.get(field), str) or not obj[field]:
            raise ConfigError(f"{where}: no Kubernetes object: it has no {field}")
    items = obj.get("items")
    if isinstance(items, list) and obj["kind"].endswith("List"):
        head = {} if obj["kind"] == "List" else {"apiVersion": obj["apiVersion"], "kind": obj["kind"][: -len("List")]}
        for item in cast("list[object]", items):
            yield from _flattened(where, {**head, **cast("Object", item)} if isinstance(item, dict) else item)
        return
    metadata = obj.get("metadata")
    named = cast("Object", metadata) if isinstance(metadata, dict) else {}
    if not (named.get("name") or named.get("generateName")):
        raise ConfigError(f"{where}: this {obj['kind']} has no metadata.name")
    yield Manifest(where, obj)


def _what(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else "a number or the like"
