"""kopf: an operator with handlers for creation, update, deletion (a finalizer), a timer and an index."""

import threading
import time

import kopf
from kubernetes import client, config
from objects import CRONTABS, crontab

config.load_kube_config()
client.ApiextensionsV1Api().create_custom_resource_definition(CRONTABS)
custom = client.CustomObjectsApi()
WHERE = ("stable.example.com", "v1", "default", "crontabs")
happened: list[str] = []


@kopf.on.create("crontabs")
def created(patch, **_):
    happened.append("create")
    patch.status["made"] = "yes"


@kopf.on.update("crontabs", field="spec.cron")
def updated(old, new, **_):
    happened.append(f"update {old}->{new}")


@kopf.on.delete("crontabs")
def deleted(**_):
    happened.append("delete")


@kopf.timer("crontabs", interval=0.3)
def ticked(**_):
    happened.append("timer")


@kopf.index("crontabs")
def by_name(name, **_):
    return {name: name}


def until(what):
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, happened
        time.sleep(0.05)


stop, ready = threading.Event(), threading.Event()
operator = threading.Thread(
    target=lambda: kopf.run(standalone=True, namespace="default", stop_flag=stop, ready_flag=ready)
)
operator.start()
try:
    assert ready.wait(30)
    custom.create_namespaced_custom_object(*WHERE, crontab("one", cron="a"))
    until(lambda: "create" in happened and "timer" in happened)
    until(lambda: custom.get_namespaced_custom_object(*WHERE, "one").get("status", {}).get("made") == "yes")
    custom.patch_namespaced_custom_object(*WHERE, "one", {"spec": {"cron": "b"}})
    until(lambda: "update a->b" in happened)
    custom.delete_namespaced_custom_object(*WHERE, "one")
    until(lambda: "delete" in happened)
    until(lambda: not custom.list_namespaced_custom_object(*WHERE)["items"])
finally:
    stop.set()
    operator.join()
print("create, status, update, timer, delete by a finalizer")
