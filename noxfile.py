"""The project's checks, one session each: `nox` runs what every change must pass, `nox --list` shows the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "docs", "package"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
PURE = [
    "trio_k8swatch/_backoff_curves.py",
    "trio_k8swatch/_reflector/next_step.py",
    "trio_k8swatch/_resource_version.py",
    "trio_k8swatch/_store/deltas.py",
    "trio_k8swatch/_store/indexes/key_indexes.py",
    "trio_k8swatch/_wire/event_types.py",
    "trio_k8swatch/_wire/lines.py",
]
OLDEST, *_ = VERSIONS = nox.project.python_versions({"project": PROJECT})


def runs(version: str) -> bool:
    """Whether this machine has that Python. A version manager may leave a command on the PATH that only says no."""
    command = shutil.which(f"python{version}")
    return command is not None and subprocess.run([command, "-c", ""], capture_output=True, check=False).returncode == 0


FOUND = [version for version in VERSIONS if runs(version)] or [OLDEST]


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting, spelling."""
    session.install("ruff>=0.8", "codespell>=2.3")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """The package strictly, what it shows to others completely, and code that uses it, that of the docs too, by two checkers."""
    session.install("-e", ".[dev]", "pyright[nodejs]")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "trio_k8swatch", "--ignoreexternal")
    session.run("mypy")
    session.run("mypy", "tests/typing", "examples")
    snippets = Path(session.create_tmp()).resolve() / "snippets"
    shutil.rmtree(snippets, ignore_errors=True)
    session.run("python", "-m", "docs.snippets", str(snippets), env={"PYTHONPATH": "tests"})
    session.run("pyright", "-p", str(snippets))
    session.run("mypy", "--strict", "--python-version=3.11", "--config-file=", str(snippets))


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """The tests against the built wheel, as users get it; `nox -s tests -- -k relist` runs some of them."""
    session.install(f"{wheel(session)}[dev]")
    session.run("pytest", *session.posargs)


@nox.session(python=OLDEST, reuse_venv=False)  # pip takes a wheel of the same version for the one that is there
def lower_bounds(session: nox.Session) -> None:
    """The tests with the oldest dependencies that we say we work with."""
    extras = [requirement for name in ("cli", "testing") for requirement in PROJECT["optional-dependencies"][name]]
    oldest = [re.sub(r">=([\w.]+).*", r"==\1", requirement) for requirement in [*PROJECT["dependencies"], *extras]]
    # In two steps: lightkube, of which the tests need only models, asks for a newer anyio than we do.
    session.install(f"{wheel(session)}[dev]")
    session.install(*oldest)
    session.run("pytest", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines and branches no test reaches; of the modules that decide, none may be left."""
    session.install("-e", ".[dev]")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "report")
    session.run("coverage", "report", "--fail-under=100", f"--include={','.join(PURE)}")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, where a warning is an error; it opens at docs/_build/index.html."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", "docs", "docs/_build", *session.posargs)


@nox.session(reuse_venv=False)  # as above
def package(session: nox.Session) -> None:
    """The wheel alone, in an empty environment, runs the README's code and the demo."""
    session.install(f"{wheel(session)}[cli]")
    session.run("python", "tests/docs/run_readme.py")
    session.run("python", "-I", "-m", "trio_k8swatch", "watch", "pods", "--demo", "-o", "name", "--max-events", "20")


@nox.session
def bench(session: nox.Session) -> None:
    """The numbers of docs/performance.md, measured on this machine; arguments as `python -m benchmarks --help` says."""
    session.install("-e", ".[dev]", "kr8s", "kubernetes", "kubernetes_asyncio", "lightkube", "matplotlib")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """A million events and a thousand broken connections; minutes long."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "soak", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Real sockets, TLS and a proxy that breaks things: how long until a watch is back; some minutes, `-- --seeds 3` more."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "chaos", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def httpx2(session: nox.Session) -> None:
    """The tests with httpx2, which succeeds httpx, in its place: moving there is to stay a day's work."""
    session.install("-e", ".[dev]", "httpx2>=2.16")
    session.run("pytest", *session.posargs, env={"PYTHONPATH": "tests/httpx2"})


@nox.session(python="3.11")
def fuzz(session: nox.Session) -> None:
    """Coverage-guided, ten minutes for each reader of foreign bytes; `nox -s fuzz -- 60 watch page` for less."""
    session.install("-e", ".[cli,testing]", "atheris>=3.0")
    seconds, *chosen = session.posargs or ["600"]
    readers = chosen or [
        *("kubeconfig", "exec_plugin", "refusal", "watch", "page", "table", "discovery", "http", "chunks", "gzip"),
    ]
    broken: list[Path] = []
    for reader in readers:
        folder = Path(session.create_tmp()).resolve() / "fuzz" / reader
        session.run("python", "-m", "fuzz", reader, seconds, str(folder), env={"PYTHONPATH": "tests"})
        broken += folder.glob("broke-*")
    if broken:
        session.error("these inputs break readers: " + " ".join(map(str, broken)))


@nox.session(python="3.11")
def mutants(session: nox.Session) -> None:
    """Small mistakes in the modules that decide, which tests have to notice; half an hour, `-- _store/deltas.py` for one."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "mutation_testing", *session.posargs, env={"PYTHONPATH": "tools"})


@nox.session
def peers(session: nox.Session) -> None:
    """Other people's clients against `trio-k8swatch fake`: a smoke of each; `nox -s peers -- kopf` runs one."""
    session.install("-e", ".[cli,testing]", "kubernetes>=37", "kubernetes_asyncio", "lightkube", "kr8s", "kopf")
    session.run("python", "-m", "peers", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def real(session: nox.Session) -> None:
    """Against kube-apiserver and etcd of $KUBEBUILDER_ASSETS, or with TRIO_K8SWATCH_REAL_CLUSTER=yes $KUBECONFIG's."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "real", *session.posargs)


def wheel(session: nox.Session) -> Path:
    """A freshly built wheel."""
    directory = Path(session.create_tmp()) / "dist"
    shutil.rmtree(directory, ignore_errors=True)
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(directory), ".")
    return next(directory.glob("*.whl")).resolve()
