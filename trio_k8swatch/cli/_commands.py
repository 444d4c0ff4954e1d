"""The commands with their options, as click sees them."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import trio
from click.shell_completion import get_completion_class

from trio_k8swatch.cli._completion import complete_context, complete_namespace, complete_resource
from trio_k8swatch.cli._exit_status import ended_by_signal, status_of
from trio_k8swatch.cli._option_types import Duration, OutputFormat
from trio_k8swatch.cli._output.jsonpath import Template
from trio_k8swatch.cli._stderr import PROGRAM
from trio_k8swatch.cli._watch_arguments import Order, Output, Target
from trio_k8swatch.cli._watch_command import watch

__all__ = ["run"]

_FILE: Final = click.Path(path_type=Path)


_TARGET_OPTIONS: Final = (
    click.option("--kubeconfig", metavar="FILE", type=_FILE, help="Instead of $KUBECONFIG and ~/.kube/config."),
    click.option(
        "--context", metavar="NAME", help="Context of the kubeconfig to use.", shell_complete=complete_context
    ),
    click.option("-s", "--server", metavar="URL", help="URL of the API server; no kubeconfig is read."),
    click.option("--token-file", metavar="FILE", type=_FILE, help="A bearer token for --server."),
    click.option(
        "--certificate-authority",
        metavar="FILE",
        type=_FILE,
        help="The authority that signed the certificate of --server (PEM).",
    ),
    click.option("--insecure-skip-tls-verify", "insecure", is_flag=True, help="Trust any certificate of --server."),
    click.option("--as", "impersonate", metavar="USER", help="Impersonate this user, as kubectl does."),
    click.option(
        "--as-group", "impersonate_groups", metavar="GROUP", multiple=True, help="Impersonate this group; repeatable."
    ),
)


def _target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which API server is meant."""
    for option in reversed(_TARGET_OPTIONS):
        command = option(command)
    return command


def run(arguments: list[str]) -> int:
    """Do what the arguments say. The exit status; everything there is to say has been said."""
    return status_of(lambda: commands.main(arguments, prog_name=PROGRAM, standalone_mode=False))


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        _print_versions()
        context.exit()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, invoke_without_command=True
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show versions."
)
@click.pass_context
def commands(context: click.Context) -> int | None:
    """Watch Kubernetes objects, exactly and for as long as you like.

    Connects as kubectl does, and stays connected: it survives restarts of the API server, expired
    versions, lost networks and rotated credentials, and never shows an object that is gone.

    \b
    No cluster at hand? These need none:
      trio-k8swatch watch pods --demo
      trio-k8swatch fake --simulate --kubeconfig fake.yaml
    """  # noqa: D301 - \b is click's mark for a paragraph to be left as it is
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return 2


@commands.command("watch", short_help="Show existing objects, then every change.")
@click.argument("resources", nargs=-1, required=True, metavar="RESOURCE...", shell_complete=complete_resource)
@click.option(
    "-n",
    "--namespace",
    metavar="NS",
    help="The namespace; by default that of the context.",
    shell_complete=complete_namespace,
)
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces.")
@click.option("-l", "--selector", metavar="SEL", help="Labels, for example app=web,tier!=cache.")
@click.option("--field-selector", metavar="SEL", help="Fields, for example spec.nodeName=node-1.")
@click.option(
    "-o",
    "--output",
    type=OutputFormat(),
    default=Output.TABLE.value,
    show_default=True,
    help="table or wide (updated in place in a terminal), name, json (one event per line), yaml, jsonpath=TEMPLATE.",
)
@click.option("-L", "--label-columns", metavar="KEYS", multiple=True, help="Labels as columns, for example app,tier.")
@click.option("--show-labels", is_flag=True, help="All labels as the last column.")
@click.option("--no-headers", is_flag=True, help="Do not print column headings.")
@click.option("--watch-only", is_flag=True, help="Only changes, without the existing objects.")
@click.option("--output-watch-events", is_flag=True, help="ADDED, MODIFIED or DELETED as the first column.")
@click.option("-w", "--watch", is_flag=True, hidden=True, help="Accepted, because kubectl has it.")
@click.option("--request-timeout", metavar="TIME", type=Duration(), help="End after this time: 30, 30s, 5m.")
@click.option("--max-events", metavar="N", type=click.IntRange(min=1), help="End after N lines.")
@click.option(
    "--metrics-port", metavar="P", type=click.IntRange(1, 65535), help="Serve Prometheus metrics at :P/metrics."
)
@_target_options
@click.option("--demo", is_flag=True, help="Watch a demo cluster inside this process; no cluster is needed.")
def watch_command(*, output: tuple[Output, Template | None], **options: Any) -> int:
    """Show the existing objects of RESOURCE, then every change, until Ctrl-C.

    RESOURCE is what kubectl takes: pods, po, deployments.apps, apps/v1/deployments, a custom resource; with
    names: pods web-0, deploy/web; several: pods,services or deploy/web svc/web.

    \b
    Examples:
      trio-k8swatch watch pods -A
      trio-k8swatch watch deploy -n shop -l app=web
      trio-k8swatch watch deploy/web svc/web -n shop -o wide
      trio-k8swatch watch certificates.cert-manager.io
      trio-k8swatch watch events -o json | jq -r .object.message
      kubectl proxy & trio-k8swatch watch nodes --server http://127.0.0.1:8001

    With -o json a line is {"type": "ADDED" | "MODIFIED" | "DELETED", "object": {...}}: first one ADDED for
    each existing object, then one for each event. Messages go to stderr.
    """  # noqa: D301 - as above
    del options["watch"]
    order = _order(output, options)
    _refuse_contradictions(order, click.get_current_context())
    return trio.run(ended_by_signal, partial(watch, order))


@commands.command("types", short_help="Write structs for chosen fields of a resource.")
@click.argument("resource", required=False)
@click.option(
    "--fields",
    metavar="PATHS",
    required=True,
    help="Comma-separated paths, for example metadata,spec.replicas,status.conditions.",
)
@click.option(
    "--crd", metavar="FILE", type=_FILE, help="A CustomResourceDefinition to read instead of asking a server."
)
@click.option("--crd-version", metavar="V", help="Version in the --crd; the stored one by default.")
@_target_options
def types_command(
    *, resource: str | None, fields: str, crd: Path | None, crd_version: str | None, **options: Any
) -> int:
    """Print a Python module with msgspec structs for the given fields of RESOURCE.

    A path that ends at an object takes all of it. The schema is the server's own (OpenAPI v3), or that of a
    CustomResourceDefinition in a file.

    \b
    Examples:
      trio-k8swatch types pods --fields metadata,spec.nodeName,status.containerStatuses > pods.py
      trio-k8swatch types --crd certificate.yaml --fields metadata,status.notAfter > certificates.py
    """  # noqa: D301 - as above
    if (resource is None) == (crd is None):
        raise click.UsageError("name a RESOURCE, or a file by --crd", click.get_current_context())
    from trio_k8swatch.cli._types.command import print_types_from_server, types_from_crd  # noqa: PLC0415

    paths = fields.split(",")
    if crd is not None:
        click.echo(types_from_crd(crd, paths, crd_version), nl=False)
        return 0
    target = Target(**options)
    return trio.run(ended_by_signal, partial(print_types_from_server, target, resource or "", paths))


@commands.command("fake", short_help="Serve a fake API server, for clients in any language.")
@click.option(
    "-f",
    "--filename",
    "files",
    metavar="FILE",
    type=_FILE,
    multiple=True,
    help="Manifests to create at the start; repeatable.",
)
@click.option(
    "--simulate", is_flag=True, help="Run Deployments, StatefulSets, Jobs and Pods as their controllers would."
)
@click.option("--faults", metavar="SEED", type=int, help="Inject random faults, the same ones for the same SEED.")
@click.option(
    "--faults-every",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=15.0,
    show_default=True,
    help="Average time between faults.",
)
@click.option("--host", metavar="NAME", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", metavar="P", type=click.IntRange(0, 65535), default=0, help="Port to listen on; a free one by default."
)
@click.option("--tls", is_flag=True, help="Serve HTTPS; the kubeconfig contains the certificate authority.")
@click.option("--token", metavar="TOKEN", help="Require this bearer token. Do not use a real one.")
@click.option(
    "--kubeconfig", metavar="FILE", type=_FILE, help="Write the kubeconfig to FILE instead of standard output."
)
def fake_command(*, files: tuple[Path, ...], **options: Any) -> int:
    """Serve an API server in memory until Ctrl-C, for tests in any language that need the API but no containers.

    The kubeconfig appears when the server answers: on standard output, or in a FILE, which is removed at the end.
    A FILE that something else has written is never touched. -f takes what kubectl takes: YAML and JSON, several
    documents, directories, - for stdin. Objects with a uid (kubectl get -o yaml) keep their status.

    \b
    Examples:
      trio-k8swatch fake --kubeconfig fake.yaml --simulate -f deploy/
      KUBECONFIG=fake.yaml kubectl rollout status deployment/web
      trio-k8swatch fake --port 8001 --faults 7
    """  # noqa: D301 - as above
    # Only here: the fake API server would make every start a fifth longer.
    from trio_k8swatch.cli._fake.manifests import read_manifests  # noqa: PLC0415
    from trio_k8swatch.cli._fake.serving import FakeOrder, serve  # noqa: PLC0415

    order = FakeOrder(manifests=tuple(read_manifests(files)), **options)
    return trio.run(ended_by_signal, partial(serve, order))


@commands.group("new", short_help="Write the beginning of a program.", no_args_is_help=True)
def new_group() -> None:
    """Write the beginning of a program that uses trio-k8swatch."""


@new_group.command("controller", short_help="Write a project with a controller, its test and its manifest.")
@click.argument("name")
def new_controller_command(name: str) -> None:
    """Write a project into the new directory NAME: a controller, its test, a manifest with RBAC, a Dockerfile.

    The test passes as it stands. NAME is also the namespace that it is deployed to: lower-case letters, digits and -.

    \b
    Example:
      trio-k8swatch new controller shop-controller
      cd shop-controller && pip install -e '.[test]' && pytest
    """  # noqa: D301 - as above
    from trio_k8swatch.cli._new_controller import NotWritten, write_project  # noqa: PLC0415

    try:
        written = write_project(name, Path(name))
    except NotWritten as error:
        raise click.ClickException(str(error)) from None
    for path in written:
        click.echo(path)


@commands.command("version", short_help="Show versions.")
def version_command() -> None:
    """Show the versions of this program and of its dependencies."""
    _print_versions()


@commands.command("completion", short_help="Print a completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
      bash:  trio-k8swatch completion bash > ~/.local/share/bash-completion/completions/trio-k8swatch
      zsh:   trio-k8swatch completion zsh > "${fpath[1]}/_trio-k8swatch"
      fish:  trio-k8swatch completion fish > ~/.config/fish/completions/trio-k8swatch.fish
    """  # noqa: D301 - as above
    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(commands, {}, PROGRAM, "_TRIO_K8SWATCH_COMPLETE").source())


def _print_versions() -> None:
    parts = ", ".join(f"{name} {_version_of(name)}" for name in ("trio", "httpx", "msgspec"))
    click.echo(f"{PROGRAM} {_version_of(PROGRAM)} (Python {platform.python_version()}, {parts})")


def _version_of(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 3 ms of every start

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"


def _order(output: tuple[Output, Template | None], options: dict[str, Any]) -> Order:
    target = Target(**{name: options.pop(name) for name in Target.__struct_fields__})
    columns = tuple(key for keys in options.pop("label_columns") for key in keys.split(",") if key)
    selector = options.pop("selector")
    format_, template = output
    return Order(
        target=target,
        label_selector=selector,
        label_columns=columns,
        output=format_,
        template=template,
        **options,
    )


def _refuse_contradictions(order: Order, context: click.Context) -> None:
    """Raise UsageError for options of which one would have to be ignored."""
    target = order.target
    if order.namespace is not None and order.all_namespaces:
        raise click.UsageError("-n and -A exclude each other", context)
    kubeconfig = target.kubeconfig is not None or target.context is not None
    if target.impersonate_groups and target.impersonate is None:
        raise click.UsageError("--as-group needs --as", context)
    if target.server is not None and kubeconfig:
        raise click.UsageError("--server is without kubeconfig: leave out --kubeconfig and --context", context)
    if target.demo and (target.server is not None or kubeconfig):
        raise click.UsageError("--demo brings its own server: leave out --server, --kubeconfig and --context", context)
    if target.server is None and (target.token_file or target.certificate_authority or target.insecure):
        raise click.UsageError(
            "--token-file, --certificate-authority and --insecure-skip-tls-verify are for --server;"
            " a kubeconfig has its own",
            context,
        )
