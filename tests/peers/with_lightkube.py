"""lightkube: typed by lightkube-models, with its generic resources, waits, and server-side apply."""

import pytest
from lightkube import ApiError, Client
from lightkube.generic_resource import create_namespaced_resource, load_in_cluster_generic_resources
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod
from lightkube.types import PatchType
from objects import CRONTABS, config_map, crontab, deployment

client = Client(field_manager="peer")
client.create(ConfigMap.from_dict(config_map("a")))
client.patch(ConfigMap, "a", {"data": {"k": "2"}}, patch_type=PatchType.MERGE)
seen = []
for kind, found in client.watch(ConfigMap, fields={"metadata.name": "a"}, server_timeout=20):
    seen.append((kind, found.metadata.name))
    if seen[-1] == ("ADDED", "a"):
        client.delete(ConfigMap, "a")
    if seen[-1] == ("DELETED", "a"):
        break
assert seen == [("ADDED", "a"), ("DELETED", "a")], seen
with pytest.raises(ApiError, match='configmaps "a" not found'):
    client.get(ConfigMap, "a")

client.apply(Deployment.from_dict(deployment("web")))
client.wait(Deployment, "web", for_conditions=["Available"])
assert len([*client.list(Pod, labels={"app": "web"})]) == 2

client.create(CustomResourceDefinition.from_dict(CRONTABS))
load_in_cluster_generic_resources(client)
tab = create_namespaced_resource("stable.example.com", "v1", "CronTab", "crontabs")
client.create(tab.from_dict(crontab("one", cron="* *")))
client.create(tab.from_dict(crontab("two")))
assert {one.metadata.name for one in client.list(tab, chunk_size=1)} == {"one", "two"}
client.apply(ConfigMap(metadata=ObjectMeta(name="b"), data={"k": "v"}, apiVersion="v1", kind="ConfigMap"))
client.deletecollection(ConfigMap)
assert [*client.list(ConfigMap)] == []
print("typed, generic, watch, wait, apply, pages, collection")
