"""Which objects manifests describe, and what is said of those that describe none."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from trio_k8swatch import ConfigError
from trio_k8swatch.cli._fake.manifests import read_manifests

# Twenty doublings: a kilobyte that stands for a million values.
ALIASES = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrstu"))
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {0}}}\n"


def found(path: Path) -> list[tuple[str, str]]:
    return [(one.where.rpartition("/")[2], one.obj["metadata"]["name"]) for one in read_manifests([path])]


def test_documents_are_found_with_the_lines_on_which_they_begin(tmp_path: Path) -> None:
    """Comments, empty documents, and a separator with a comment of its own; `---` inside a text is none."""
    text = f"# one\n---\n{CONFIG_MAP.format('a')}data:\n  x: |\n    a\n    ---\n--- # two\n\n---\n{CONFIG_MAP.format('b')}---"
    (tmp_path / "all.yaml").write_text(text)

    assert found(tmp_path / "all.yaml") == [("all.yaml, line 3", "a"), ("all.yaml, line 13", "b")]
    assert read_manifests([tmp_path / "all.yaml"])[0].obj["data"]["x"] == "a\n---\n"


def test_a_directory_is_its_manifests_by_name(tmp_path: Path) -> None:
    """Not those below it, and nothing else that lies there."""
    for name in ("b.yml", "a.yaml", "sub/c.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(CONFIG_MAP.format(name[0]))
    (tmp_path / "c.json").write_text(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}))

    assert [name for _, name in found(tmp_path)] == ["a", "b", "s"]


def test_lists_are_taken_apart(tmp_path: Path) -> None:
    """A `List` of anything, and a typed one, whose items need not say what they are."""
    one = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    for kind, item in (("List", one), ("SecretList", {"metadata": {"name": "s"}})):
        (tmp_path / "x.json").write_text(json.dumps({"apiVersion": "v1", "kind": kind, "items": [item]}))
        (manifest,) = read_manifests([tmp_path / "x.json"])
        assert manifest.obj == one


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for kubectl."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(CONFIG_MAP.format("a").encode())))

    (manifest,) = read_manifests([Path("-")])

    assert (manifest.where, manifest.obj["metadata"]["name"]) == ("-f - (stdin), line 1", "a")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# one\n---\nkind: x\n  b: secret", "line 4: not YAML (mapping values are not allowed here)"),
        ("\n\nkind: x", "line 3: no Kubernetes object: it has no apiVersion"),
        ("apiVersion: 1\nkind: x", "line 1: no Kubernetes object: it has no apiVersion"),
        ("apiVersion: v1\nkind: Pod\nmetadata: []", "line 1: this Pod has no metadata.name"),
        ("- 1", "line 1: no Kubernetes object, but a list"),
        ("apiVersion: v1\nkind: List\nitems: [secret]", "line 1: no Kubernetes object, but a text"),
        ("a: !!python/name:os.system x", "line 1: not YAML (could not determine a constructor"),
        (ALIASES, "line 1: not YAML (document contains excessive aliasing)"),
        ("a: \0", "line 1: not YAML ("),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    """File, line, what; never the text, which may be a secret."""
    (tmp_path / "bad.yaml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        read_manifests([tmp_path / "bad.yaml"])

    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/bad.yaml, line")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "problem"), [("nope", "-f: there is no file"), ("", "has no *.yaml, *.yml or *.json file")]
)
def test_what_is_not_there_is_said(tmp_path: Path, name: str, problem: str) -> None:
    """A file that is missing, a directory without manifests."""
    with pytest.raises(ConfigError, match="-f") as caught:
        read_manifests([tmp_path / name])

    assert problem in str(caught.value)
