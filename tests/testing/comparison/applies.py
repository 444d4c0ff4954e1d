"""Server-side applies by chance: three managers who want different things of one object, and somebody who patches it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from testing.comparison.asks import APPLY, MERGE, Ask

LABELS = {"app": "x"}
# By kind: what each field may be, nulls and empty ones among them; each is there or not.
CONFIG = {
    "data": [{"a": "1"}, {"a": "2", "b": "1"}, {"a": "", "z": "1"}, {"z": None, "a": "1"}, {}, None],
    "binaryData": [{"x": "YQ=="}, {"x": "Yg==", "y": "YQ=="}, {}],
    "immutable": [False, None],
}
METADATA = {
    "labels": [{"p": "1"}, {"p": "2", "q": "1"}, {}, None],
    "annotations": [{"p": "1"}, {"p": "2", "q": "1"}, {}, None],
    "finalizers": [["a.b/c"], ["a.b/d", "a.b/c"], [], None],
    "ownerReferences": [[{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}], [], None],
}
CONTAINER = {
    "image": ["i:1", "i:2"],
    "env": [[{"name": "A", "value": "1"}], [{"name": "A", "value": "2"}, {"name": "B"}], [], None],
    "ports": [[{"containerPort": 80}], [{"containerPort": 80, "protocol": "TCP"}], [{"containerPort": 81}], [], None],
    "resources": [{"limits": {"cpu": "1"}}, {"limits": {"cpu": "2", "memory": "1Gi"}}, {"limits": {}}, {}, None],
    "args": [["a"], ["a", "b"], [], None],
    "livenessProbe": [{"httpGet": {"port": 80}}, {"exec": {"command": ["x"]}}, None],
}
POD = {
    "tolerations": [[{"key": "a", "operator": "Exists"}], []],
    "nodeSelector": [{"a": "b"}, {"c": "d"}, {}, None],
    "volumes": [[{"name": "v", "emptyDir": {}}], [{"name": "w", "configMap": {"name": "x"}}], []],
}
SERVICE = {
    "selector": [{"a": "b"}, {"a": "c", "d": "e"}, {}, None],
    "type": ["ClusterIP", "NodePort", None],
    "sessionAffinity": ["None", "ClientIP"],
}
WIDGET = {
    "flag": [True, False, None],
    "tags": [["a"], ["a", "b"], ["b"], [], None],
    "plain": [[1], [1, 2], [], None],
    "items": [[{"name": "a", "value": 1}], [{"name": "a", "value": 2}, {"name": "b"}], [{"name": "b"}], [], None],
    "map": [{"a": "b"}, {"a": "c", "d": "e"}, {}, {"a": None}, None],
    "free": [{"a": {"b": [1]}}, {"a": {}}, {"a": None}, {}, None],
    "maybe": ["x", None],
    "level": ["low", "high", None],
    "port": [1, "a"],
}


@dataclass
class Applies:
    """Draws episodes; the same seed draws the same."""

    seed: int
    rng: random.Random = field(init=False)
    number: int = 0

    def __post_init__(self):
        self.rng = random.Random(self.seed)

    def draw(self) -> list[Ask]:
        """The requests of one episode; the first makes its namespace."""
        self.number += 1
        rng, namespace = self.rng, f"apply-{self.seed}-{self.number}"
        version, kind, plural, make = [
            ("v1", "ConfigMap", "configmaps", self.config_map),
            ("v1", "Service", "services", self.service),
            ("apps/v1", "Deployment", "deployments", self.deployment),
            ("cmp.example.com/v1", "Widget", "widgets", self.widget),
        ][self.number % 4]
        path = f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/{namespace}/{plural}"
        head = {"apiVersion": version, "kind": kind}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        asks = [Ask("setup", "POST", "/api/v1/namespaces", body=body)]
        if rng.random() < 0.3:
            asks.append(Ask("applies", "POST", path, f"fieldManager={rng.choice(['one', 'up'])}", {**head, **make()}))
        for _ in range(8):
            obj = make()
            if rng.random() < 0.8:
                force = "&force=true" if rng.random() < 0.35 else ""
                query = f"fieldManager={rng.choice(['one', 'two', 'three'])}{force}"
                asks.append(Ask("applies", "PATCH", f"{path}/a", query, {**head, **obj}, APPLY))
            else:
                query = f"fieldManager={rng.choice(['one', 'up'])}"
                asks.append(Ask("applies", "PATCH", f"{path}/a", query, obj, MERGE))
        return asks

    def some(self, fields, share):
        return {name: self.rng.choice(values) for name, values in fields.items() if self.rng.random() < share}

    def metadata(self, share):
        return {"metadata": {"name": "a", **self.some(METADATA, share)}}

    def config_map(self):
        return {**self.metadata(0.3), **self.some(CONFIG, 0.6)}

    def service(self):
        rng = self.rng
        ports = [
            {"port": port, "protocol": "TCP", "name": f"n{port}", **self.some({"targetPort": [80, "web"]}, 0.5)}
            for port in rng.sample([80, 81, 82], rng.randint(0, 2))
        ]
        return {**self.metadata(0.1), "spec": {"ports": ports, **self.some(SERVICE, 0.4)}}

    def deployment(self):
        rng = self.rng
        containers = [{"name": name, **self.some(CONTAINER, 0.4)} for name in rng.sample("cd", rng.randint(1, 2))]
        labels = {**LABELS, **self.some({"e": ["1", "2"]}, 0.3)}
        template = {"metadata": {"labels": labels}, "spec": {"containers": containers, **self.some(POD, 0.2)}}
        more = self.some({"replicas": [1, 2, 0, None], "paused": [True, False]}, 0.4)
        return {**self.metadata(0), "spec": {"selector": {"matchLabels": LABELS}, "template": template, **more}}

    def widget(self):
        rng = self.rng
        spec = {"size": rng.choice([1, 2]), **self.some(WIDGET, 0.3)}
        return {**self.metadata(0.1), "spec": spec if rng.random() < 0.95 else rng.choice([{}, None])}
