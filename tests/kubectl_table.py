"""What kubectl does, and the same by this library: the table of writes.

Each row is run twice, in two namespaces: `{ns}` is the name of the one, in objects and in arguments.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from trio_k8swatch import ApiClient, ListOptions

Ours = Callable[["Namespace"], Awaitable[object]]


@dataclass(frozen=True)
class Row:
    """`before` is there already; `said` goes to kubectl's standard input."""

    id: str
    kubectl: str
    ours: Ours
    said: Any = None
    before: tuple[dict[str, Any], ...] = ()
    not_imitated: bool = False
    """The fake refuses it, both times: what is compared there is the wire."""
    answer_is_secret: bool = field(default=False)


class Namespace:
    """Short names for the resources of one namespace."""

    def __init__(self, client: ApiClient, name: str) -> None:
        self.client = client
        self.name = name
        of = client.resource
        self.maps = of("v1", "configmaps", namespace=name)
        self.pods = of("v1", "pods", namespace=name)
        self.accounts = of("v1", "serviceaccounts", namespace=name)
        self.services = of("v1", "services", namespace=name)
        self.deployments = of("apps/v1", "deployments", namespace=name)
        self.nodes = of("v1", "nodes")
        self.namespaces = of("v1", "namespaces")
        self.reviews = of("authorization.k8s.io/v1", "selfsubjectaccessreviews")


def conf(name: str = "conf", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data or {"a": "1"}}


def labelled(name: str) -> dict[str, Any]:
    return {**conf(name), "metadata": {"name": name, "labels": {"x": "y", "tier": "front"}}}


WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "proxy"}]},
        },
    },
}
PAUSED = {**WEB, "spec": {**WEB["spec"], "paused": True}}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {
        "containers": [{"name": "a", "image": "nginx"}],
        "serviceAccountName": "sa",
        "automountServiceAccountToken": False,
    },
}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "{ns}"}}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa"}}
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
BINDING = {
    "apiVersion": "v1",
    "kind": "Binding",
    "metadata": {"name": "p"},
    "target": {"apiVersion": "v1", "kind": "Node", "name": "n"},
}
TOKEN = {
    "apiVersion": "authentication.k8s.io/v1",
    "kind": "TokenRequest",
    "spec": {"expirationSeconds": 3600, "audiences": ["x"]},
}
REVIEW = {
    "apiVersion": "authorization.k8s.io/v1",
    "kind": "SelfSubjectAccessReview",
    "spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}},
}
SCALE = {
    "apiVersion": "autoscaling/v1",
    "kind": "Scale",
    "metadata": {"name": "web", "namespace": "{ns}"},
    "spec": {"replicas": 6},
}
STALE = {**conf(), "metadata": {"name": "conf", "resourceVersion": "1"}, "data": {"a": "9"}}
OTHER_UID = {"preconditions": {"uid": "another"}}


def placed(obj: dict[str, Any], ns: Namespace) -> dict[str, Any]:
    """The object as kubectl sends it: its namespace is in it."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": ns.name}}


def last_applied(obj: dict[str, Any], ns: Namespace) -> dict[str, str]:
    """What kubectl apply remembers in an annotation of the object."""
    whole = placed({**obj, "metadata": {"annotations": {}, **obj["metadata"]}}, ns)
    text = json.dumps(whole, sort_keys=True, separators=(",", ":")) + "\n"
    return {"kubectl.kubernetes.io/last-applied-configuration": text}


def applied(obj: dict[str, Any], ns: Namespace) -> dict[str, Any]:
    """An object as kubectl apply creates it."""
    return placed({**obj, "metadata": {**obj["metadata"], "annotations": last_applied(obj, ns)}}, ns)


STRICT: dict[str, Any] = {"field_validation": "Strict"}
CREATE: dict[str, Any] = {"field_manager": "kubectl-create", **STRICT}
APPLY: dict[str, Any] = {"field_manager": "kubectl-client-side-apply", **STRICT}
BY_PATCH: dict[str, Any] = {"field_manager": "kubectl-patch"}
BY_LABEL: dict[str, Any] = {"field_manager": "kubectl-label"}
BY_ANNOTATE: dict[str, Any] = {"field_manager": "kubectl-annotate"}
BY_SET: dict[str, Any] = {"field_manager": "kubectl-set", "type": "strategic"}
BY_ROLLOUT: dict[str, Any] = {"field_manager": "kubectl-rollout", "type": "strategic"}
REPLACE: dict[str, Any] = {"field_manager": "kubectl-replace", **STRICT}
RAW = "/api/v1/namespaces/{ns}"


async def _apply_changed(ns: Namespace) -> object:
    wanted = conf(a="2")
    change = {"data": {"a": "2"}, "metadata": {"annotations": last_applied(wanted, ns)}}
    return await ns.maps.patch("conf", change, type="strategic", **APPLY)


async def _scale_from(ns: Namespace) -> object:
    scale = (await ns.deployments.subresource("scale").get("web")).to_dict()
    scale["spec"]["replicas"] = 8
    return await ns.deployments.subresource("scale").replace(scale)


async def _replace_current(ns: Namespace) -> object:
    current = await ns.maps.get("conf")
    new = placed(conf(a="9"), ns)
    new["metadata"]["resourceVersion"] = current.metadata.resource_version
    return await ns.maps.replace(new, **REPLACE)


async def _replace_status(ns: Namespace) -> object:
    current = await ns.deployments.get("web")
    new = placed({**WEB, "status": {"replicas": 1}}, ns)
    new["metadata"]["resourceVersion"] = current.metadata.resource_version
    return await ns.deployments.subresource("status").replace(new, **REPLACE)


async def _taint(ns: Namespace) -> object:
    present = (await ns.nodes.get(ns.name))["spec"].get("taints", [])
    taints = [{"effect": "NoSchedule", "key": "a", "value": "b"}, *present]
    options: dict[str, Any] = {"field_manager": "kubectl-taint", **STRICT}
    return await ns.nodes.patch(ns.name, {"spec": {"taints": taints}}, type="strategic", **options)


async def _delete_each(ns: Namespace) -> None:
    for obj in (await ns.maps.list(ListOptions(label_selector="x=y"))).items:
        await ns.maps.delete(obj.metadata.name, propagation="Background")


TABLE: tuple[Row, ...] = (
    # create
    Row("create", "create -f -", lambda n: n.maps.create(placed(conf(), n), **CREATE), conf()),
    Row("create a deployment", "create -f -", lambda n: n.deployments.create(placed(WEB, n), **CREATE), WEB),
    Row(
        "create, dry run",
        "create --dry-run=server -f -",
        lambda n: n.maps.create(placed(conf(), n), dry_run=True, **CREATE),
        conf(),
    ),
    Row(
        "create, unknown fields ignored",
        "create --validate=ignore -f -",
        lambda n: n.maps.create(
            placed({**conf(), "dta": {}}, n), field_manager="kubectl-create", field_validation="Ignore"
        ),
        {**conf(), "dta": {}},
    ),
    Row(
        "create, unknown fields warned of",
        "create --validate=warn -f -",
        lambda n: n.maps.create(
            placed({**conf(), "dta": {}}, n), field_manager="kubectl-create", field_validation="Warn"
        ),
        {**conf(), "dta": {}},
    ),
    Row(
        "create, unknown fields refused",
        "create -f -",
        lambda n: n.maps.create(placed({**conf(), "dta": {}}, n), **CREATE),
        {**conf(), "dta": {}},
    ),
    Row(
        "create, invalid",
        "create -f -",
        lambda n: n.maps.create(placed(conf("UPPER"), n), **CREATE),
        conf("UPPER"),
    ),
    Row(
        "create, there already",
        "create -f -",
        lambda n: n.maps.create(placed(conf(), n), **CREATE),
        conf(),
        (conf(),),
    ),
    Row("create, managed by somebody", "create --field-manager=me -f -",
        lambda n: n.maps.create(placed(conf(), n), field_manager="me", **STRICT), conf()),
    Row("create for the whole cluster", "create -f -",
        lambda n: n.nodes.create({**NODE, "metadata": {"name": f"{n.name}"}}, **CREATE), NODE),
    Row("create raw", f"create --raw {RAW}/configmaps -f -", lambda n: n.maps.create(conf()), conf()),
    Row("create a review", "create --raw /apis/authorization.k8s.io/v1/selfsubjectaccessreviews -f -",
        lambda n: n.reviews.create(REVIEW), REVIEW),
    # apply
    Row("apply what is new", "apply -f -", lambda n: n.maps.create(applied(conf(), n), **APPLY), conf()),
    Row("apply a change", "apply -f -", _apply_changed, conf(a="2"), (conf(),)),
    Row("apply on the server", "apply --server-side -f -",
        lambda n: n.maps.apply(placed(conf(), n), field_manager="kubectl", **STRICT), conf()),
    Row("apply on the server, owned by another", "apply --server-side --field-manager=me -f -",
        lambda n: n.maps.apply(placed(conf(a="2"), n), field_manager="me", **STRICT), conf(a="2"), (conf(),)),
    Row("apply on the server, by force", "apply --server-side --force-conflicts --field-manager=me -f -",
        lambda n: n.maps.apply(placed(conf(a="2"), n), field_manager="me", force=True, **STRICT), conf(a="2"),
        (conf(),)),
    Row("apply on the server, dry run", "apply --server-side --dry-run=server -f -",
        lambda n: n.maps.apply(placed(conf(), n), field_manager="kubectl", dry_run=True, **STRICT), conf()),
    # patch
    Row("patch", 'patch deployment web -p {"spec":{"paused":true}}',
        lambda n: n.deployments.patch("web", {"spec": {"paused": True}}, type="strategic", **BY_PATCH), None, (WEB,)),
    Row("patch an entry of a list", "patch deployment web -p " + json.dumps(
        {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "proxy:2"}]}}}}, separators=(",", ":")),
        lambda n: n.deployments.patch(
            "web", {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "proxy:2"}]}}}},
            type="strategic", **BY_PATCH), None, (WEB,)),
    Row("patch, merge", 'patch deployment web --type=merge -p {"spec":{"paused":null}}',
        lambda n: n.deployments.patch("web", {"spec": {"paused": None}}, **BY_PATCH), None, (PAUSED,)),
    Row("patch, json", "patch deployment web --type=json -p "
        '[{"op":"replace","path":"/spec/replicas","value":5},{"op":"test","path":"/spec/replicas","value":5}]',
        lambda n: n.deployments.patch("web", [
            {"op": "replace", "path": "/spec/replicas", "value": 5},
            {"op": "test", "path": "/spec/replicas", "value": 5}], type="json", **BY_PATCH), None, (WEB,)),
    Row("patch, json, that does not fit", "patch deployment web --type=json -p "
        '[{"op":"test","path":"/spec/replicas","value":99}]',
        lambda n: n.deployments.patch(
            "web", [{"op": "test", "path": "/spec/replicas", "value": 99}], type="json", **BY_PATCH), None, (WEB,)),
    Row("patch, dry run", 'patch deployment web --dry-run=server -p {"spec":{"paused":true}}',
        lambda n: n.deployments.patch("web", {"spec": {"paused": True}}, type="strategic", dry_run=True, **BY_PATCH),
        None, (WEB,)),
    Row("patch a status", 'patch deployment web --subresource=status --type=merge -p {"status":{"replicas":1}}',
        lambda n: n.deployments.subresource("status").patch("web", {"status": {"replicas": 1}}, **BY_PATCH),
        None, (WEB,)),
    Row("patch a scale", 'patch deployment web --subresource=scale --type=merge -p {"spec":{"replicas":4}}',
        lambda n: n.deployments.subresource("scale").patch("web", {"spec": {"replicas": 4}}, **BY_PATCH),
        None, (WEB,)),
    # scale, label, annotate, set, rollout
    Row("scale", "scale deployment web --replicas=7",
        lambda n: n.deployments.subresource("scale").patch("web", {"spec": {"replicas": 7}}), None, (WEB,)),
    Row("scale from a number", "scale deployment web --replicas=8 --current-replicas=2", _scale_from, None, (WEB,)),
    Row("scale raw", "replace --raw /apis/apps/v1/namespaces/{ns}/deployments/web/scale -f -",
        lambda n: n.deployments.subresource("scale").replace(
            {**SCALE, "metadata": {"name": "web", "namespace": n.name}}), SCALE, (WEB,)),
    Row("label", "label configmap conf tier=front",
        lambda n: n.maps.patch("conf", {"metadata": {"labels": {"tier": "front"}}}, **BY_LABEL), None, (conf(),)),
    Row("label again", "label configmap conf tier=back --overwrite",
        lambda n: n.maps.patch("conf", {"metadata": {"labels": {"tier": "back"}}}, **BY_LABEL), None,
        (labelled("conf"),)),
    Row("label no longer", "label configmap conf tier-",
        lambda n: n.maps.patch("conf", {"metadata": {"labels": {"tier": None}}}, **BY_LABEL), None,
        (labelled("conf"),)),
    Row("annotate", "annotate configmap conf note=x",
        lambda n: n.maps.patch("conf", {"metadata": {"annotations": {"note": "x"}}}, **BY_ANNOTATE), None, (conf(),)),
    Row("annotate an old state", "annotate configmap conf note=x --resource-version=1",
        lambda n: n.maps.patch(
            "conf", {"metadata": {"annotations": {"note": "x"}, "resourceVersion": "1"}}, **BY_ANNOTATE),
        None, (conf(),)),
    Row("set an image", "set image deployment/web a=nginx:2",
        lambda n: n.deployments.patch("web", {"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
            "containers": [{"image": "nginx:2", "name": "a"}]}}}}, **BY_SET), None, (WEB,)),
    Row("set a variable", "set env deployment/web -c a A=B",
        lambda n: n.deployments.patch("web", {"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
            "containers": [{"env": [{"name": "A", "value": "B"}], "name": "a"}]}}}}, **BY_SET), None, (WEB,)),
    Row("rollout restart", "rollout restart deployment/web",
        lambda n: n.deployments.patch("web", {"spec": {"template": {"metadata": {"annotations": {
            "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}}}, **BY_ROLLOUT), None, (WEB,)),
    Row("rollout pause", "rollout pause deployment/web",
        lambda n: n.deployments.patch("web", {"spec": {"paused": True}}, **BY_ROLLOUT), None, (WEB,)),
    Row("rollout resume", "rollout resume deployment/web",
        lambda n: n.deployments.patch("web", {"spec": {"paused": None}}, **BY_ROLLOUT), None, (PAUSED,)),
    Row("taint", "taint node {ns} a=b:NoSchedule",
        _taint, None, (NODE,)),
    Row("cordon", "cordon {ns}",
        lambda n: n.nodes.patch(n.name, {"spec": {"unschedulable": True}}, type="strategic"), None, (NODE,)),
    # replace
    Row("replace", "replace -f -", _replace_current, conf(a="9"), (conf(),)),
    Row("replace an old state", "replace -f -",
        lambda n: n.maps.replace(placed(STALE, n), **REPLACE), STALE, (conf(),)),
    Row("replace a status", "replace --subresource=status -f -", _replace_status,
        {**WEB, "status": {"replicas": 1}}, (WEB,)),
    # delete
    Row("delete", "delete configmap conf", lambda n: n.maps.delete("conf", propagation="Background"), None,
        (conf(),)),
    Row("delete in the foreground", "delete deployment web --cascade=foreground --wait=false",
        lambda n: n.deployments.delete("web", propagation="Foreground"), None, (WEB,)),
    Row("delete and orphan", "delete deployment web --cascade=orphan --wait=false",
        lambda n: n.deployments.delete("web", propagation="Orphan"), None, (WEB,)),
    Row("delete at once", "delete pod p --grace-period=0 --force",
        lambda n: n.pods.delete("p", propagation="Background", grace_seconds=0), None, (ACCOUNT, POD)),
    Row("delete with grace", "delete pod p --grace-period=7 --wait=false",
        lambda n: n.pods.delete("p", propagation="Background", grace_seconds=7), None, (ACCOUNT, POD)),
    Row("delete, dry run", "delete configmap conf --dry-run=server",
        lambda n: n.maps.delete("conf", propagation="Background", dry_run=True), None, (conf(),)),
    Row("delete what is missing", "delete configmap none",
        lambda n: n.maps.delete("none", propagation="Background"), None),
    Row("delete what may be missing", "delete configmap none --ignore-not-found",
        lambda n: n.maps.delete("none", propagation="Background", missing_ok=True), None),
    Row("delete by label", "delete configmap -l x=y", _delete_each, None, (labelled("a"), conf("b"), labelled("c"))),
    Row("delete many in one request", f"delete --raw {RAW}/configmaps?labelSelector=x%3Dy",
        lambda n: n.maps.delete_all(ListOptions(label_selector="x=y")), None,
        (labelled("a"), conf("b"), labelled("c"))),
    Row("delete another object", f"delete --raw {RAW}/configmaps/conf -f -",
        lambda n: n.maps.delete("conf", uid="another"), OTHER_UID, (conf(),)),
    # subresources
    Row("evict", f"create --raw {RAW}/pods/p/eviction -f -",
        lambda n: n.pods.subresource("eviction").create(EVICTION, name="p"), EVICTION, (ACCOUNT, POD)),
    Row("bind", f"create --raw {RAW}/pods/p/binding -f -",
        lambda n: n.pods.subresource("binding").create(BINDING, name="p"), BINDING, (ACCOUNT, POD)),
    Row("ask for a token", f"create --raw {RAW}/serviceaccounts/sa/token -f -",
        lambda n: n.accounts.subresource("token").create(TOKEN, name="sa"), TOKEN, (ACCOUNT,), not_imitated=True),
)  # fmt: skip
