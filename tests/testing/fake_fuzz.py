"""Requests by chance: mostly sensible ones with something wrong in them, some that are nothing but noise."""

from __future__ import annotations

import json
import random

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._api.resource_types import Registry
from trio_k8swatch.testing._http.messages import Request
from trio_k8swatch.testing._http.response_steps import Dropped
from trio_k8swatch.testing._schema import fields_of, type_of

METHODS = ["GET", "POST", "POST", "PUT", "PUT", *["PATCH"] * 4, "DELETE"] * 4 + ["HEAD", "OPTIONS", "BREW"]
TYPES = [
    "application/json",
    "application/json",
    "application/yaml",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
    "application/apply-patch+yaml",
    "application/vnd.kubernetes.protobuf",
    "text/plain",
    ";",
    "",
]
NAMES = ["a", "b", "a.b", "A", "", "x" * 300, "ä", "..", "a/b", "%", "default"]
SCALARS = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    3.0,
    1 << 62,
    "",
    "a",
    "x" * 70,
    "2026-01-01T00:00:00Z",
    "10%",
    "\ud800",
    "1Gi",
]
PARAMETERS = {
    "dryRun": ["All", "all", ""],
    "fieldValidation": ["Strict", "Warn", "Ignore", "x"],
    "fieldManager": ["one", "two", "", "x" * 200, "\n"],
    "force": ["true", "false", "x"],
    "gracePeriodSeconds": ["0", "30", "-1", "x", "9" * 30],
    "propagationPolicy": ["Foreground", "Orphan", "x"],
    "orphanDependents": ["true", "x"],
    "labelSelector": ["a=b", "a in (b,c)", "!a", "((", "a=b=c", ","],
    "fieldSelector": ["metadata.name=a", "spec.nodeName!=x", "x=y", "=", "metadata.name in (a)"],
    "limit": ["1", "0", "-1", "x", "9" * 30],
    "continue": ["", "x", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ", "e30"],
    "resourceVersion": ["", "0", "1", "x", "99", "9" * 30],
    "resourceVersionMatch": ["Exact", "NotOlderThan", "x"],
    "watch": ["true", "0", "x"],
    "sendInitialEvents": ["true", "false", ""],
    "allowWatchBookmarks": ["true"],
    "timeoutSeconds": ["1", "0", "x", "9" * 30],
    "includeObject": ["None", "x"],
    "pretty": ["true"],
}
ACCEPTS = [
    "*/*",
    "application/json",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "text/html",
    ";;,",
    "application/yaml",
]
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "foos.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "minimum": 1},
                                    "any": {"x-kubernetes-int-or-string": True},
                                    "when": {"type": "string", "format": "date-time"},
                                    "ports": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["port"],
                                        "items": {
                                            "type": "object",
                                            "properties": {"port": {"type": "integer", "default": 1}},
                                        },
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}
SUBRESOURCES = ["status", "scale", "eviction", "binding", "log", "exec", "x"]


class Fuzz:
    """Asks one fake after the other; `answers` counts statuses."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.kinds = list(Registry())
        self.answers = {}
        self.renew()

    def renew(self):
        self.fake = FakeApiServer(seed=self.rng.getrandbits(32))
        self.fake.create(DEFINITION)
        self.kinds = list(self.fake.registry)
        plurals = {"foos", "pods", "deployments", "configmaps", "services", "customresourcedefinitions"}
        self.favourites = [kind for kind in self.kinds if kind.plural in plurals]

    async def run(self, count):
        for number in range(count):
            if number % 2000 == 1999:
                self.renew()
            await self.ask(self.request())

    async def ask(self, request):
        try:
            response = await self.fake.handle(request)
        except Dropped:
            return
        self.answers[response.status] = self.answers.get(response.status, 0) + 1
        if not response.body.content():
            body = response.body
            try:
                if request.method != "HEAD" and not self.is_watch(request):
                    async for _ in body:
                        pass
            finally:
                body.close()
        assert not self.fake.failures, (request, self.fake.failures)

    @staticmethod
    def is_watch(request):
        return any(name == "watch" for name, _ in request.query) or "/watch/" in request.path

    def request(self):
        rng = self.rng
        kind = rng.choice(self.kinds if rng.random() < 0.5 else self.favourites)
        method = rng.choice(METHODS)
        name = rng.choice(NAMES) if rng.random() < 0.2 else rng.choice("ab")
        path = kind.path("default" if rng.random() < 0.9 else rng.choice(NAMES), "" if method == "POST" else name)
        if rng.random() < 0.15:
            path = f"{kind.path('default', name)}/{rng.choice(SUBRESOURCES)}"
        if rng.random() < 0.03:
            path = "/" + "/".join(
                rng.choice([*NAMES, "api", "apis", "v1", "watch", "namespaces"]) for _ in range(rng.randrange(8))
            )
        query = [
            (key, rng.choice(PARAMETERS[key])) for key in rng.sample(list(PARAMETERS), rng.choice([0, 0, 1, 2, 3]))
        ]
        if method == "POST":
            path = path.rstrip("/")
        if method == "PATCH" and rng.random() < 0.6:
            query.append(("fieldManager", rng.choice(["one", "two"])))
        media = (
            rng.choice(TYPES[3:])
            if method == "PATCH"
            else rng.choice(TYPES[:3])
            if rng.random() < 0.9
            else rng.choice(TYPES)
        )
        headers = {"content-type": media, "accept": rng.choice(ACCEPTS) if rng.random() < 0.1 else "*/*"}
        return Request(method, path, tuple(query), headers, self.body(kind, name, media, method))

    def body(self, kind, name, media, method):
        rng = self.rng
        roll = rng.random()
        if roll < 0.05:
            return rng.randbytes(rng.randrange(40))
        if roll < 0.08:
            return rng.choice(
                [
                    b"",
                    b"[]",
                    b"null",
                    b"5",
                    b"{",
                    b"[" * 12000,
                    b'{"a":' * 3000,
                    b"on: off\nyes: [no]",
                    b"&a [*a]",
                    b"a: &a [x,x]\nb: [*a,*a]",
                ]
            )
        if method == "DELETE":
            value = {
                "preconditions": {"uid": rng.choice(SCALARS)},
                "gracePeriodSeconds": rng.choice(SCALARS),
                "propagationPolicy": rng.choice(SCALARS),
            }
            value = {key: one for key, one in value.items() if rng.random() < 0.3}
        elif "json-patch" in media:
            paths = [
                "/metadata/labels",
                "/spec",
                "",
                "/metadata/finalizers/-",
                "/spec/template/spec/containers/0",
                "/x~1y",
                "a",
            ]
            operations = ["add", "remove", "replace", "copy", "move", "test", "x"]
            value = [
                {
                    "op": rng.choice(operations),
                    "path": rng.choice(paths),
                    "from": rng.choice(paths),
                    "value": self.anything(2),
                }
                for _ in range(rng.randrange(4))
            ]
        else:
            value = self.obj(kind, name)
        data = json.dumps(value)
        if rng.random() < 0.03:
            data = data[: rng.randrange(len(data) + 1)]
        return data.encode("utf-8", "surrogatepass")

    def obj(self, kind, name):
        rng = self.rng
        type_name = None if kind.custom else type_of(kind.api_version, kind.kind)
        value = (
            self.typed(type_name, 5)
            if type_name
            else {
                "spec": self.anything(3)
                if rng.random() < 0.3
                else {"size": rng.choice([1, 3.0, "x"]), "any": rng.choice(SCALARS), "ports": [{"port": 1}, {}]}
            }
        )
        value["apiVersion"] = kind.api_version if rng.random() < 0.97 else rng.choice(["v1", 5, None, "x/y/z"])
        value["kind"] = kind.kind if rng.random() < 0.97 else rng.choice(["Pod", 5, None, "x"])
        metadata = value["metadata"] = self.metadata()
        metadata["name"] = name if rng.random() < 0.95 else rng.choice([*NAMES, 5, None])
        if kind.plural == "customresourcedefinitions" and rng.random() < 0.5:
            value["metadata"]["name"], value["spec"] = "foos.example.com", self.broken(DEFINITION["spec"])
        return value

    def metadata(self):
        rng = self.rng
        choices = {
            "labels": {"a": "b"},
            "annotations": {"a": "b"},
            "finalizers": ["example.com/f"],
            "generateName": "x-",
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u"}],
            "resourceVersion": "1",
            "managedFields": [{}],
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "uid": "u",
            "x": 1,
        }
        return {key: self.broken(one) for key, one in choices.items() if rng.random() < 0.12}

    def typed(self, type_name, depth):
        rng = self.rng
        result = {}
        for key, field in fields_of(type_name).items():
            if key in {"apiVersion", "kind", "metadata"} or (
                rng.random() > 0.3 and key not in {"spec", "template", "containers", "name", "image"}
            ):
                continue
            if rng.random() < 0.04:
                result[key] = self.anything(2)
                continue
            inner = self.typed(field.type, depth - 1) if field.is_object and depth else self.scalar(field.type)
            result[key] = (
                [inner] * rng.randrange(3)
                if field.container == "["
                else {"a": inner}
                if field.container == "{"
                else inner
            )
        return result

    def scalar(self, kind):
        rng = self.rng
        fitting = {
            "s": ["a", "b", ""],
            "i": [0, 1, 80, -1],
            "l": [0, 1, -1],
            "b": [True, False],
            "q": ["1", 1, "1Gi"],
            "x": [1, "a"],
            "t": ["2026-01-01T00:00:00Z"],
            "y": ["YQ==", "?"],
            "n": [1, 1.5],
        }
        return rng.choice(fitting.get(kind, SCALARS)) if rng.random() < 0.95 else rng.choice(SCALARS)

    def broken(self, value):
        rng = self.rng
        if rng.random() < 0.04:
            return self.anything(2)
        if isinstance(value, dict):
            return {key: self.broken(one) for key, one in value.items() if rng.random() > 0.03}
        return [self.broken(one) for one in value] if isinstance(value, list) else value

    def anything(self, depth):
        rng = self.rng
        roll = rng.random()
        if depth and roll < 0.25:
            return {
                rng.choice(["a", "name", "$patch", "metadata", ""]): self.anything(depth - 1)
                for _ in range(rng.randrange(3))
            }
        if depth and roll < 0.45:
            return [self.anything(depth - 1) for _ in range(rng.randrange(3))]
        return rng.choice(SCALARS)
