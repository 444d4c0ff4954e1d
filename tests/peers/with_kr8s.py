"""kr8s: objects that know how to be created, awaited, scaled, labelled and deleted."""

import kr8s
from kr8s.objects import ConfigMap, Deployment, Pod, new_class
from objects import CRONTABS, config_map, crontab, deployment

api = kr8s.api()
found = ConfigMap(config_map("a"))
found.create()
found.patch({"data": {"k": "2"}})
found.refresh()
assert found.raw["data"]["k"] == "2"
found.label({"x": "y"})
assert [one.name for one in kr8s.get("configmaps", label_selector="x=y")] == ["a"]
seen = []
for kind, one in kr8s.watch("configmaps"):
    seen.append((kind, one.name))
    if seen[-1] == ("ADDED", "a"):
        found.delete()
    if seen[-1] == ("DELETED", "a"):
        break
assert not found.exists()

web = Deployment(deployment("web"))
web.create()
web.wait("condition=Available")
web.scale(3)
while len([*web.pods()]) != 3:
    pass
Pod.get(next(iter(web.pods())).name).wait("condition=Ready")

kr8s.objects.CustomResourceDefinition(CRONTABS).create()
tab = new_class("CronTab", "stable.example.com/v1", namespaced=True)
tab(crontab("one", cron="* *")).create()
assert [one.spec.cron for one in tab.list()] == ["* *"]
names = {one["name"] for one in api.api_resources()}
assert {"pods", "deployments"} <= {name.partition(".")[0] for name in names}, names
print("create, patch, label, watch, wait, scale, pods, a custom resource, api-resources")
