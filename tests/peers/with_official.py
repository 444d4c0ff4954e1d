"""The official client: typed and dynamic, a watch, conflicts, a deployment that comes up, pages."""

import time

from kubernetes import client, config, dynamic, watch
from kubernetes.client import ApiException
from objects import CRONTABS, config_map, crontab, deployment


def refusal(call):
    try:
        call()
    except ApiException as error:
        return error.status
    return 200


config.load_kube_config()
core, apps = client.CoreV1Api(), client.AppsV1Api()

core.create_namespaced_config_map("default", config_map("a"))
made = core.patch_namespaced_config_map("a", "default", {"data": {"k": "2"}})
assert made.data == {"k": "2"}
seen = []
for event in watch.Watch().stream(
    core.list_namespaced_config_map, "default", field_selector="metadata.name=a", timeout_seconds=20
):
    seen.append((event["type"], event["object"].metadata.name))
    if seen[-1] == ("ADDED", "a"):
        core.delete_namespaced_config_map("a", "default")
    if seen[-1] == ("DELETED", "a"):
        break
assert seen == [("ADDED", "a"), ("DELETED", "a")], seen
assert refusal(lambda: core.read_namespaced_config_map("a", "default")) == 404

apps.create_namespaced_deployment("default", deployment("web"))
while apps.read_namespaced_deployment_status("web", "default").status.available_replicas != 2:
    time.sleep(0.1)
apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 3}})
while len(core.list_namespaced_pod("default", label_selector="app=web").items) != 3:
    time.sleep(0.1)
stale = apps.read_namespaced_deployment("web", "default")
apps.patch_namespaced_deployment("web", "default", {"metadata": {"labels": {"x": "y"}}})
assert refusal(lambda: apps.replace_namespaced_deployment("web", "default", stale)) == 409

client.ApiextensionsV1Api().create_custom_resource_definition(CRONTABS)
tabs = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="stable.example.com/v1", kind="CronTab")
for number in range(5):
    tabs.create(body=crontab(f"tab-{number}"), namespace="default")
page = tabs.get(namespace="default", limit=2)
assert len(page.items) == 2
assert page.metadata["continue"]
applied = tabs.server_side_apply(body=crontab("tab-0", cron="* *"), namespace="default", field_manager="peer")
assert applied.spec.cron == "* *"
print("typed, dynamic, watch, scale, conflict, pages, apply")
