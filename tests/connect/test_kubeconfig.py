"""Each row of the table at the head of `_kubeconfig`, held against kubectl itself where it is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from connect.kubeconfigs import document, write

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._kubeconfig import context as _context
from trio_k8swatch.connect._kubeconfig import files as _kubeconfig
from trio_k8swatch.connect._kubeconfig.files import Kubeconfig, kubeconfig_paths, read_kubeconfigs
from trio_k8swatch.connect._kubeconfig.yaml_text import plain_data

KUBECTL = shutil.which("kubectl")


@dataclass(frozen=True)
class Row:
    """Files by name, and what of them is looked at. `ours` is None where an error is expected."""

    row: str
    files: dict[str, str | bytes]
    expected: Callable[[Kubeconfig], Any] | None
    value: Any = None
    kubeconfig: str | None = None
    explicit: str | None = None
    kubectl_refuses: bool = field(default=False)
    id: str = ""


def cluster(name: str, server: str, rest: str = "") -> str:
    return f"- name: {name}\n  cluster: {{server: {server}{rest}}}\n"


def current(config: Kubeconfig) -> str:
    return config.current_context


def servers(config: Kubeconfig) -> dict[str, str]:
    return {name: entry.value.server for name, entry in config.clusters.items()}


ONE = "clusters:\n" + cluster("c", "https://one", ", tls-server-name: one") + "current-context: one\n"
TWO = (
    "clusters:\n"
    + cluster("c", "https://two", ", proxy-url: 'http://p'")
    + cluster("d", "https://d")
    + "current-context: two\n"
)

ROWS = [
    Row("`--kubeconfig F`", {"a": ONE}, current, "one", explicit="a"),
    Row("`--kubeconfig F`", {}, None, explicit="a", kubectl_refuses=True, id="missing"),
    Row("`KUBECONFIG=a:b`", {"a": ONE, "b": TWO}, servers, {"c": "https://one", "d": "https://d"}, "a:b"),
    Row("`KUBECONFIG=a:b`", {"b": TWO}, current, "two", "missing::b:b", id="skips"),
    Row("`KUBECONFIG=a:b`", {}, current, "", "missing", id="none of them exists"),
    Row("`KUBECONFIG` unset or empty", {".kube/config": ONE}, current, "one"),
    Row("`KUBECONFIG` unset or empty", {".kube/config": ONE}, current, "one", "", id="empty"),
    Row("`KUBECONFIG` unset or empty", {}, current, "", id="missing"),
    Row(
        "one name in two files",
        {"a": ONE, "b": TWO},
        lambda config: (config.clusters["c"].value.tls_server_name, config.clusters["c"].value.proxy_url),
        ("one", ""),
        "a:b",
    ),
    Row("`current-context` in two files", {"a": "current-context: ''", "b": TWO, "c": ONE}, current, "two", "a:b:c"),
    Row(
        "one name twice in a file",
        {"a": "clusters:\n" + cluster("c", "https://1") * 2},
        None,
        None,
        "a",
        kubectl_refuses=True,
    ),
    Row("a key twice in a mapping", {"a": "current-context: a\ncurrent-context: b\n"}, current, "b", "a"),
    Row("unknown fields, other case", {"a": ONE + "novelty: {}\nCurrent-Context: other\n"}, current, "one", "a"),
    Row("null", {"a": "clusters: null\nusers:\ncurrent-context: ~\n"}, current, "", "a"),
    Row(
        "a number or true where text belongs",
        {"a": "users: [{name: u, user: {token: 123}}]"},
        None,
        None,
        "a",
        kubectl_refuses=True,
    ),
    Row(
        "a number or true where text belongs",
        {"a": "current-context: yes"},
        None,
        None,
        "a",
        kubectl_refuses=True,
        id="yes",
    ),
    Row(
        "a number or true where text belongs",
        {"a": "current-context: 1.5"},
        None,
        None,
        "a",
        kubectl_refuses=True,
        id="1.5",
    ),
    Row(
        "a number or true where text belongs",
        {"a": "current-context: 0o17"},
        None,
        None,
        "a",
        kubectl_refuses=True,
        id="octal",
    ),
    Row("plain `y` and `n`", {"a": "current-context: y"}, current, "y", "a", kubectl_refuses=True),
    Row("dates and times of day", {"a": "current-context: 2024-01-01"}, current, "2024-01-01", "a"),
    Row("dates and times of day", {"a": "current-context: 12:30:00"}, current, "12:30:00", "a", id="time"),
    Row("UTF-16 with a byte order mark", {"a": ONE.encode("utf-16")}, current, "one", "a"),
    Row(
        "UTF-16 with a byte order mark",
        {"a": "\ufeff".encode("utf-16-be") + ONE.encode("utf-16-be")},
        current,
        "one",
        "a",
        id="big end first",
    ),
    Row("UTF-16 with a byte order mark", {"a": ONE.encode("utf-8-sig")}, current, "one", "a", id="UTF-8"),
    Row("an empty file", {"a": ""}, current, "", "a"),
    Row("an empty file", {"a": "# nothing\n---\n"}, current, "", "a", id="comment"),
    Row("JSON, also with tabs", {"a": '{\t"current-context":\t"one"}'}, current, "one", "a"),
    Row("JSON, also with tabs", {"a": "{current-context: one}"}, current, "one", "a", id="or YAML that begins like it"),
    Row("another `kind` or `apiVersion`", {"a": "apiVersion: v1\nkind: Pod\n"}, None, None, "a", kubectl_refuses=True),
    Row(
        "another `kind` or `apiVersion`",
        {"a": "apiVersion: v2\nkind: Config\n"},
        None,
        None,
        "a",
        kubectl_refuses=True,
        id="v2",
    ),
]


@pytest.fixture(params=[pytest.param(row, id=f"{row.row} {row.id}".strip()) for row in ROWS])
def row(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Row:
    chosen: Row = request.param
    for name, content in chosen.files.items():
        write(tmp_path / name, content)
    monkeypatch.chdir(tmp_path)
    return chosen


def read(row: Row, home: Path) -> Kubeconfig:
    if row.explicit is not None:
        return read_kubeconfigs([Path(row.explicit)], must_exist=True)
    environ = {} if row.kubeconfig is None else {"KUBECONFIG": row.kubeconfig}
    return read_kubeconfigs(kubeconfig_paths(environ, home), must_exist=False)


def kubectl(*args: str, home: Path, kubeconfig: str | None) -> subprocess.CompletedProcess[bytes]:
    assert KUBECTL is not None
    environ = {"HOME": str(home), "PATH": os.environ["PATH"]} | (
        {} if kubeconfig is None else {"KUBECONFIG": kubeconfig}
    )
    return subprocess.run([KUBECTL, *args], env=environ, cwd=home, capture_output=True, timeout=30, check=False)


def test_row(row: Row, tmp_path: Path) -> None:
    """What the table promises of this library."""
    if row.expected is None:
        with pytest.raises(ConfigError) as caught:
            read(row, tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)
    else:
        assert row.expected(read(row, tmp_path)) == row.value


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_row_against_kubectl(row: Row, tmp_path: Path) -> None:
    """What the table says of kubectl; and where both read a configuration, they read the same one."""
    if row.explicit is not None and row.explicit not in row.files:
        # `config view` forgives what other commands do not.
        arguments = ["get", "--raw=/", f"--kubeconfig={row.explicit}"]
    else:
        arguments = [
            "config",
            "view",
            "--raw",
            "-o",
            "json",
            *([f"--kubeconfig={row.explicit}"] if row.explicit else []),
        ]
    finished = kubectl(*arguments, home=tmp_path, kubeconfig=row.kubeconfig)

    assert (finished.returncode != 0) == row.kubectl_refuses, finished.stderr
    if not row.kubectl_refuses:
        theirs = read_kubeconfigs([write(tmp_path / "theirs", finished.stdout)], must_exist=True)
        assert contents(theirs) == contents(read(row, tmp_path))


def contents(config: Kubeconfig) -> dict[str, Any]:
    sections = (config.clusters, config.users, config.contexts)
    return {
        "current-context": config.current_context,
        "entries": [{name: entry.value for name, entry in sorted(section.items())} for section in sections],
    }


@pytest.mark.parametrize(
    ("row", "field", "command"),
    [
        ("relative file names", "client_certificate", None),
        ("`exec.command` with a slash", "command", "./bin/plugin"),
        ("`exec.command` without a slash", "command", "plugin"),
    ],
)
def test_relative_names(row: str, field: str, command: str | None, tmp_path: Path) -> None:
    """Names of files count from the kubeconfig that they stand in; a bare command is searched in PATH."""
    exec_ = {"command": command, "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
    user = {"client-certificate": "me.crt"} if command is None else {"exec": exec_}
    write(tmp_path / "a", document())
    path = write(tmp_path / "deeper" / "b", document(user=user))
    entry = read_kubeconfigs([path, tmp_path / "a"], must_exist=True).users["u"]

    assert entry.resolve("me.crt") == tmp_path / "deeper" / "me.crt"
    if KUBECTL is not None:
        shown = kubectl(
            "config", "view", "--raw", "--flatten=false", "-o", "json", home=tmp_path, kubeconfig="deeper/b"
        )
        theirs = read_kubeconfigs([write(tmp_path / "theirs", shown.stdout)], must_exist=True).users["u"].value
        name = theirs.exec.command if theirs.exec is not None else getattr(theirs, field)
        assert Path(name).name == Path(command or "me.crt").name


def test_bad_base64_in_an_unused_entry(tmp_path: Path) -> None:
    """Row "bad base64 in an entry that is not used": it does no harm."""
    config = document()
    config["users"].append({"name": "other", "user": {"client-key-data": "@@@"}})
    path = write(tmp_path / "a", config)

    assert set(read_kubeconfigs([path], must_exist=True).users) == {"u", "other"}
    if KUBECTL is not None:
        assert kubectl("config", "view", home=tmp_path, kubeconfig=str(path)).returncode != 0


def test_the_table_is_tested_row_by_row() -> None:
    """A row that is added to the table needs a test, and a test needs its row."""
    elsewhere = {
        "relative file names",
        "`exec.command` with a slash",
        "`exec.command` without a slash",
        "bad base64 in an entry that is not used",
    }
    assert rows_of(_kubeconfig.__doc__) == {row.row for row in ROWS} | elsewhere


def rows_of(docstring: str | None) -> set[str]:
    lines = [line for line in (docstring or "").splitlines() if line.startswith("| ")]
    return {line.split("|")[1].strip() for line in lines[1:]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("hello", "is not a kubeconfig"),
        ("- a\n- b\n", "is not a kubeconfig"),
        ("a: *b", "line 1: not YAML"),
        ("a: {", "not YAML"),
        ("\ta: b", "line 1: not YAML"),
        (b"\xff\xfe\xfa", "not YAML (neither UTF-8 nor UTF-16 text)"),
        (b"a: \xfa\xfb", "not YAML (neither UTF-8 nor UTF-16 text)"),
        (b"\x00\x01\x02", "not YAML"),
        ("clusters: {a: b}", "clusters must be a list, not a mapping"),
        ("contexts: [1]", "contexts[0] must be a mapping, not a number"),
        ("users: [{name: u, user: {token: 12}}]", "users[0].user.token must be text, not a number (put it in quotes)"),
        ("clusters: [{cluster: {insecure-skip-tls-verify: 'yes'}}]", "insecure-skip-tls-verify must be true or false"),
        ("!!python/object/apply:os.system ['true']", "line 1: not YAML"),
    ],
)  # fmt: skip
def test_what_is_no_kubeconfig(content: str | bytes, expected: str, tmp_path: Path) -> None:
    """One line that names the file, the field or line, and what is wrong with it."""
    path = write(tmp_path / "bad", content)
    with pytest.raises(ConfigError) as caught:
        read_kubeconfigs([path], must_exist=True)
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory(tmp_path: Path) -> None:
    """Also where a missing file would be forgiven."""
    with pytest.raises(ConfigError, match=r"is a directory, not a file"):
        read_kubeconfigs([tmp_path], must_exist=False)


@contextlib.contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """It is there, so it counts: silence would connect to some other cluster."""
    path = write(tmp_path / "a", "current-context: a")
    path.chmod(0)
    with as_somebody_else(), pytest.raises(ConfigError) as caught:
        read_kubeconfigs([path], must_exist=False)
    assert str(caught.value) == f"kubeconfig: no permission to read {path}"


def test_a_loop_of_links(tmp_path: Path) -> None:
    """Whatever else the system says is passed on in its words."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ConfigError, match=r"^kubeconfig: cannot read .*/loop: Too many levels of symbolic links$"):
        read_kubeconfigs([loop], must_exist=True)


def test_secrets_do_not_show_in_a_repr(tmp_path: Path) -> None:
    """Not even of the parsed file, which lands in tracebacks that print local variables."""
    path = write(tmp_path / "a", document(user={"token": "canary"}))
    config = read_kubeconfigs([path], must_exist=True)
    assert "canary" not in repr(config)
    assert "canary" not in repr(_kubeconfig._parse(path.read_bytes(), path))


def test_context_table_exists() -> None:
    """What fields mean is tabled beside the code that decides it."""
    assert "`proxy-url`" in rows_of(_context.__doc__)


def test_R14_aliases_of_aliases_cost_what_they_are_written_in() -> None:
    """Ten lines that stand for ten billion values are read at once, and one that names itself is refused."""
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 11))
    data = plain_data(bomb.encode(), label="config")
    assert isinstance(data, dict)
    assert data["a10"][0] is data["a10"][9]

    with pytest.raises(ConfigError):
        plain_data(b"a: &a [*a]\n", label="config")
