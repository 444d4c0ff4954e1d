"""Requests by chance, in episodes that do not disturb each other: each has a namespace, or names, of its own."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from dataclasses import asdict, dataclass, field

from testing.comparison.samples import CLUSTER_WIDE, LABELS, NAMESPACED, definition

JSON, YAML = "application/json", "application/yaml"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
WRONG = [None, 5, 1.5, "x", True, [], {}, ["x"], {"a": "b"}, -1]
TEXTS = ["", "a", "a.b", "Bad_Name", "x" * 64, "x" * 300, "-a", "a/b", "10%", "Always", "None"]
NUMBERS = [0, 1, -1, 70000, 1 << 31, 1 << 63]
FORMS = [
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
]


@dataclass
class Ask:
    """One request. With `edits` the body is the object at the path as it is then, changed; `watch`: read for a moment."""

    area: str
    method: str
    path: str
    query: str = ""
    body: object = None
    content_type: str = JSON
    accept: str = ""
    edits: list | None = None
    watch: bool = False
    text: str | None = None

    def as_json(self):
        kept = {key: value for key, value in asdict(self).items() if value not in (None, "", False)}
        return kept if self.text is None else {**kept, "text": self.text}


def applied(obj, edits):
    """A changed copy: each edit is a path and, unless it removes, a value."""
    obj = deepcopy(obj)
    for path, *value in edits:
        place = obj
        try:
            for step in path[:-1]:
                place = place[step]
            if value:
                place[path[-1]] = deepcopy(value[0])
            else:
                del place[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
    return obj


def paths(value, prefix=()):
    found = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        if (*prefix, key) not in {("apiVersion",), ("kind",), ("metadata",)}:
            found.append((*prefix, key))
        found += paths(inner, (*prefix, key))
    return found


@dataclass
class Sample:
    api_version: str
    kind: str
    plural: str
    rest: dict
    namespaced: bool
    namespace: str = ""

    def collection(self):
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/namespaces/{self.namespace}/{self.plural}" if self.namespaced else f"{root}/{self.plural}"

    def obj(self, name, **metadata):
        text = json.dumps(self.rest).replace("$NS", self.namespace)
        head = {"apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": name, **metadata}}
        return {**head, **json.loads(text)}


@dataclass
class Episodes:
    """Draws episodes; the same seed draws the same."""

    seed: int
    rng: random.Random = field(init=False)
    number: int = 0

    def __post_init__(self):
        self.rng = random.Random(self.seed)

    def draw(self) -> list[Ask]:
        """The requests of one episode; the first makes its namespace."""
        self.number += 1
        self.namespace = f"cmp-{self.seed}-{self.number}"
        start = Ask("setup", "POST", "/api/v1/namespaces", body=self.named("v1", "Namespace", self.namespace))
        kinds = [self.creates, self.creates, self.replaces, self.patches, self.applies, self.deletes]
        kinds += [self.reads, self.subresources, self.metadata, self.custom, self.definitions, self.odd]
        return [start, *kinds[self.number % len(kinds)]()]

    @staticmethod
    def named(api_version, kind, name):
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}

    def sample(self, plural=None):
        namespaced = self.rng.random() < 0.8 or plural is not None
        rows = [one for one in (NAMESPACED if namespaced else CLUSTER_WIDE) if plural in {None, one[2]}]
        return Sample(*self.rng.choice(rows), namespaced, self.namespace)

    def name(self, sample, letter="a"):
        return letter if sample.namespaced else f"{letter}{self.seed}x{self.number}"

    def edit(self, obj):  # noqa: PLR0911 - a table
        """Something that is changed, mostly for the worse."""
        rng = self.rng
        path = rng.choice(paths({k: v for k, v in obj.items() if k != "metadata"}) or [("kind",)])
        roll = rng.random()
        if roll < 0.2:
            return [path]
        if roll < 0.4:
            return [path, rng.choice(WRONG)]
        if roll < 0.5:
            return [(*path[:-1], "unknownField"), rng.choice(WRONG)]
        value = obj
        for step in path:
            value = value[step]
        if isinstance(value, bool):
            return [path, not value]
        if isinstance(value, int):
            return [path, rng.choice(NUMBERS)]
        if isinstance(value, str):
            return [path, rng.choice(TEXTS)]
        if isinstance(value, list):
            return [path, rng.choice([[], value + value])]
        return [path, rng.choice([{}, None, {"a": "b"}])]

    def edits(self, obj, most=2):
        return [self.edit(obj) for _ in range(self.rng.randint(1, most))]

    def options(self, **more):
        rng = self.rng
        chosen = {}
        if rng.random() < 0.25:
            chosen["fieldValidation"] = rng.choice(["Strict", "Strict", "Ignore", "Warn", "x"])
        if rng.random() < 0.15:
            chosen["dryRun"] = rng.choice(["All", "All", "x"])
        if rng.random() < 0.3:
            chosen["fieldManager"] = rng.choice(["one", "two", "x" * 129])
        return "&".join(f"{key}={value}" for key, value in {**chosen, **more}.items())

    def make(self, sample, name, **metadata):
        return Ask("setup", "POST", sample.collection(), body=sample.obj(name, labels=LABELS, **metadata))

    # Kinds of episodes

    def creates(self):
        asks = []
        for i in range(6):
            sample = self.sample()
            obj = sample.obj(self.name(sample, f"a{i}x"))
            if i:
                obj = applied(obj, self.edits(obj))
            asks.append(Ask("create", "POST", sample.collection(), self.options() if i else "", obj))
        return asks

    def replaces(self):
        sample = self.sample()
        name = self.name(sample)
        path, obj = f"{sample.collection()}/{name}", sample.obj(name)
        asks = [self.make(sample, name)]
        for _ in range(6):
            edits = self.edits(obj)
            roll = self.rng.random()
            if roll < 0.15:
                edits.append([("metadata", "resourceVersion")])
            elif roll < 0.25:
                edits.append([("metadata", "resourceVersion"), self.rng.choice(["1", "0", "x", "99999999"])])
            asks.append(Ask("replace", "PUT", path, self.options(), edits=edits))
        missing = Ask("replace", "PUT", f"{sample.collection()}/{self.name(sample, 'z')}", body=None)
        missing.body = sample.obj(self.name(sample, "z"))
        return [*asks, missing]

    def patches(self):
        sample = self.sample()
        name = self.name(sample)
        path, obj = f"{sample.collection()}/{name}", sample.obj(name)
        asks = [self.make(sample, name)]
        for _ in range(7):
            media = self.rng.choice([MERGE, MERGE, STRATEGIC, STRATEGIC, JSON_PATCH])
            body = self.operations(obj) if media == JSON_PATCH else self.difference(obj)
            asks.append(Ask("patch", "PATCH", path, self.options(), body, media))
        return asks

    def difference(self, obj):
        """A patch that changes one or two places."""
        patch = {}
        for path, *value in self.edits(obj):
            place = patch
            names = [step for step in path if isinstance(step, str)]
            for step in names[:-1]:
                place = place.setdefault(step, {})
                if not isinstance(place, dict):
                    break
            else:
                place[names[-1]] = value[0] if value else None
        if self.rng.random() < 0.2:
            patch.setdefault("metadata", {})["labels"] = self.rng.choice([{"a": "b"}, {"app": None}, None, {"a": 1}])
        return patch

    def operations(self, obj):
        result = []
        for path, *value in self.edits(obj, 3):
            pointer = "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path)
            op = self.rng.choice(["add", "replace", "test"]) if value else "remove"
            result.append({"op": op, "path": pointer, **({"value": value[0]} if value else {})})
        return result

    def applies(self):
        sample = self.sample()
        name = self.name(sample)
        path, obj = f"{sample.collection()}/{name}", sample.obj(name)
        asks = []
        if self.rng.random() < 0.4:
            asks.append(self.make(sample, name))
        for i in range(6):
            body = obj if not i else applied(obj, self.edits(obj))
            force = {"force": "true"} if self.rng.random() < 0.3 else {}
            manager = {"fieldManager": self.rng.choice(["one", "two", "three"])}
            query = self.options(**manager, **force)
            asks.append(Ask("apply", "PATCH", path, query, body, APPLY))
        return asks

    def deletes(self):
        rng = self.rng
        sample = self.sample()
        asks = []
        for letter in "abcdef":
            name = self.name(sample, letter)
            path = f"{sample.collection()}/{name}"
            finalizers = {"finalizers": ["example.com/f"]} if rng.random() < 0.3 else {}
            asks.append(self.make(sample, name, **finalizers))
            body = {
                "gracePeriodSeconds": rng.choice([0, 1, -1, "x", None]),
                "propagationPolicy": rng.choice(["Foreground", "Background", "Orphan", "x"]),
                "preconditions": rng.choice([{"uid": "u"}, {"resourceVersion": "1"}, {}, 5]),
                "dryRun": rng.choice([["All"], ["x"], "All"]),
                "orphanDependents": rng.choice([True, False]),
                "kind": rng.choice(["DeleteOptions", "Pod"]),
            }
            chosen = {key: value for key, value in body.items() if rng.random() < 0.2}
            asks.append(Ask("delete", "DELETE", path, body=chosen or None))
            if chosen.get("propagationPolicy") in {"Foreground", "Orphan"} or chosen.get("orphanDependents"):
                # Next to the real server there is no garbage collector that would finish it.
                return asks
            asks.append(Ask("delete", "GET", path))
            if finalizers:
                patch = {"metadata": {"finalizers": rng.choice([None, ["example.com/f", "example.com/g"], []])}}
                asks.append(Ask("delete", "PATCH", path, body=patch, content_type=MERGE))
                asks.append(Ask("delete", "GET", path))
        query = rng.choice(["", "labelSelector=app%3Dx", "limit=1", "labelSelector=a%3D%3D%3Db", "dryRun=All"])
        if sample.namespaced:
            asks.append(Ask("delete", "DELETE", sample.collection(), query))
            asks.append(Ask("delete", "GET", sample.collection()))
        return asks

    def reads(self):
        rng = self.rng
        sample = self.sample(rng.choice(["configmaps", "pods", "services", "deployments", "secrets", "widgets"]))
        asks = [self.make(sample, letter) for letter in "abc"]
        parameters = {
            "labelSelector": ["app%3Dx", "app!%3Dx", "app+in+(x,y)", "!app", "((", "a%3Db%3Dc", "app", "app+notin+(x)"],
            "fieldSelector": ["metadata.name%3Da", "metadata.name!%3Da", "spec.nodeName%3D", "x%3Dy", "status.phase"],
            "limit": ["1", "2", "0", "-1", "x"],
            "continue": ["x"],
            "resourceVersion": ["0", "x", "99999999", "-1"],
            "resourceVersionMatch": ["Exact", "NotOlderThan", "x"],
            "timeoutSeconds": ["x", "1"],
            "sendInitialEvents": ["true", "false", ""],
            "allowWatchBookmarks": ["true", "x"],
            "pretty": ["true"],
        }
        for i in range(9):
            names = rng.sample(list(parameters), rng.choice([1, 1, 2, 3]))
            query = {name: rng.choice(parameters[name]) for name in names}
            watch = i % 3 == 2
            query |= {"watch": "true", "timeoutSeconds": "5"} if watch else {}
            path = sample.collection() if rng.random() < 0.8 else f"{sample.collection()}/{rng.choice('az')}"
            text = "&".join(f"{key}={value}" for key, value in query.items())
            accept = rng.choice(FORMS) if rng.random() < 0.2 else ""
            asks.append(Ask("watch" if watch else "read", "GET", path, text, accept=accept, watch=watch))
        return asks

    def subresources(self):
        rng = self.rng
        sample = self.sample(rng.choice(["pods", "pods", "deployments", "replicasets", "widgets", "services", "jobs"]))
        path = f"{sample.collection()}/a"
        asks = [self.make(sample, "a")]
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 3}}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"name": "n"}}
        for _ in range(7):
            match rng.choice(["status", "status", "scale", "eviction", "binding", "x"]):
                case "status":
                    body = {"status": rng.choice([{"phase": "Running"}, {"replicas": 2}, {"n": 1}, 5, {"x": 1}, None])}
                    asks.append(Ask("subresource", "PATCH", f"{path}/status", self.options(), body, MERGE))
                case "scale":
                    body = applied(scale, self.edits(scale) if rng.random() < 0.6 else [])
                    asks.append(Ask("subresource", "PUT", f"{path}/scale", self.options(), body))
                    asks.append(Ask("subresource", "GET", f"{path}/scale"))
                case "eviction":
                    body = applied(eviction, [[("metadata", "name"), "b"]] if rng.random() < 0.5 else [])
                    asks.append(Ask("subresource", "POST", f"{path}/eviction", self.options(), body))
                case "binding":
                    body = applied(binding, self.edits(binding) if rng.random() < 0.6 else [])
                    asks.append(Ask("subresource", "POST", f"{path}/binding", self.options(), body))
                case _:
                    asks.append(Ask("subresource", rng.choice(["GET", "PUT", "POST"]), f"{path}/nothing", body={}))
            asks.append(Ask("subresource", "GET", path))
        return asks

    def metadata(self):
        rng = self.rng
        sample = self.sample()
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}
        choices = [
            {"labels": {"a": "x" * 64}},
            {"labels": {"a b": "c"}},
            {"labels": {"a": "-"}},
            {"labels": {"a": 1}},
            {"labels": {"example.com/a": "b", "/a": ""}},
            {"annotations": {"a": "x" * (1 << 18)}},
            {"annotations": {"a_": "x", "-b": "y"}},
            {"annotations": {"a": None}},
            {"finalizers": ["bad"]},
            {"finalizers": ["example.com/ok", "kubernetes"]},
            {"ownerReferences": [{}]},
            {"ownerReferences": [{**owner, "controller": True}, {**owner, "name": "p", "controller": True}]},
            {"ownerReferences": [{**owner, "uid": ""}]},
            {"name": "a.b"},
            {"name": "A"},
            {"name": ""},
            {"name": "x" * 254},
            {"name": "a/b"},
            {"name": None, "generateName": "gen-"},
            {"name": None, "generateName": "Gen_"},
            {"namespace": "other"},
            {"resourceVersion": "5"},
            {"uid": "u"},
            {"creationTimestamp": "x"},
            {"deletionTimestamp": "2026-01-01T00:00:00Z"},
            {"generation": 5},
            {"managedFields": [{}]},
            {"managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1"}]},
            {"selfLink": "/x"},
            {"unknown": 1},
        ]
        asks = []
        for i, one in enumerate(rng.sample(choices, 7)):
            obj = sample.obj(self.name(sample, f"m{i}x"))
            obj["metadata"] |= one
            if obj["metadata"]["name"] is None:
                del obj["metadata"]["name"]
            asks.append(Ask("metadata", "POST", sample.collection(), self.options(), obj))
        name = self.name(sample, "u")
        asks.append(self.make(sample, name))
        for one in rng.sample(choices, 5):
            path = f"{sample.collection()}/{name}"
            asks.append(Ask("metadata", "PATCH", path, self.options(), {"metadata": one}, MERGE))
        return asks

    def custom(self):
        rng = self.rng
        sample = self.sample("widgets")
        values = {
            "size": [1, 0, 11, "x", 3.0, 1.5, None],
            "ratio": [0.5, 1, 0.3, "x"],
            "port": [1, "a", 1.5, None, {}, True],
            "when": ["2026-01-01T00:00:00Z", "x", "2026-01-01", ""],
            "level": ["low", "x", "", 5],
            "code": ["abc", "A", "toolong", ""],
            "maybe": [None, "a", 5],
            "flag": [True, None, "x"],
            "tags": [["a"], ["a", "a"], ["a", "b", "c", "d"], [5], "x"],
            "plain": [[1, 1], ["x"], [None], {}],
            "items": [[{"name": "a"}, {"name": "a"}], [{"value": 1}], [{}], [5], [{"name": "b", "value": 2}]],
            "map": [{"a": "b"}, {"a": 1}, {"a": None}, []],
            "free": [{"a": {"b": None}}, 5, None],
            "unknown": [1],
        }
        asks = []
        for i in range(6):
            spec = {name: rng.choice(values[name]) for name in rng.sample(list(values), 3)}
            spec = {"size": 1, **spec} if rng.random() < 0.85 else spec
            name = f"w{i}"
            obj = {**sample.obj(name), "spec": spec}
            asks.append(Ask("custom", "POST", sample.collection(), self.options(), obj))
            spec = {name: rng.choice(values[name]) for name in rng.sample(list(values), 2)}
            media = rng.choice([MERGE, MERGE, APPLY])
            body = {"spec": spec} if media == MERGE else {**sample.obj(name), "spec": {"size": 1, **spec}}
            query = self.options() if media == MERGE else self.options(fieldManager="m")
            asks.append(Ask("custom", "PATCH", f"{sample.collection()}/{name}", query, body, media))
        return asks

    def definitions(self):
        group = f"g{self.seed}x{self.number}.example.com"
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        asks = []
        for i in range(5):
            obj = definition(group, f"widgets{chr(97 + i)}s", f"Widget{chr(97 + i)}")
            inner = paths(obj["spec"]["versions"][0]["schema"], ("spec", "versions", 0, "schema"))
            outer = [one for one in paths(obj) if one not in inner]
            where = self.rng.choice(self.rng.choice([inner, outer]))
            change = self.rng.choice([[where], [where, self.rng.choice(WRONG)], [(*where[:-1], "type"), "x"]])
            asks.append(Ask("definition", "POST", path, self.options(), applied(obj, [change])))
        return asks

    def odd(self):
        """Methods, paths, media types and bodies that nobody means."""
        rng = self.rng
        sample = self.sample(rng.choice(["configmaps", "pods", "deployments", "widgets"]))
        path, obj = f"{sample.collection()}/a", sample.obj("a")
        texts = ["", "{", "[]", "5", "null", '"x"', "{}", '{"kind":5}', '{"kind":"Pod","apiVersion":"v1"}', "a: b"]
        asks = [self.make(sample, "a")]
        for _ in range(9):
            where = rng.choice([path, path, sample.collection(), path + "z", "/api/v1/x", "/apis/x/v1/y", path + "/x"])
            method = rng.choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
            media = rng.choice([JSON, JSON, YAML, MERGE, STRATEGIC, JSON_PATCH, APPLY, "text/plain"])
            accept = rng.choice(["", "", "*/*", "text/html", "application/json", *FORMS])
            query = "fieldManager=m" if method == "PATCH" else ""
            if rng.random() < 0.4:
                ask = Ask("odd", method, where, query, obj, media, accept)
            else:
                ask = Ask("odd", method, where, query, content_type=media, accept=accept, text=rng.choice(texts))
            asks.append(ask)
            asks.append(Ask("odd", "GET", path))
        return asks
