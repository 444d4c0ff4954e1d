"""The life of a pod: its steps in order, and the node that it comes to."""

from __future__ import annotations

from typing import Any

from trio_k8swatch.testing.builders import node, pod
from trio_k8swatch.testing.simulation.actions import Update
from trio_k8swatch.testing.simulation.pods import EXIT_CODE, READY, Pace, advance, choose_node, next_step

NOW = "2026-01-01T00:00:00Z"


def a_pod(name: str = "p", *, restart: str = "Always", annotations: dict[str, str] | None = None) -> dict[str, Any]:
    made = pod(name, "default", phase="Pending")
    made["metadata"] |= {"uid": "00000000-0000-4000-8000-000000000001", "annotations": annotations or {}}
    made["spec"]["restartPolicy"] = restart
    return made


def lived(one: dict[str, Any], nodes: list[dict[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    steps: list[str] = []
    while step := next_step(one):
        actions = advance(one, nodes, [], NOW)
        if not actions:
            break
        steps.append(step)
        (action,) = actions
        assert isinstance(action, Update)
        one = action.obj
    return steps, one


def test_a_pod_is_bound_created_started_and_stays() -> None:
    """With an address, and ready."""
    steps, end = lived(a_pod(), [node("n")])
    assert steps == ["bind", "create", "start"]
    assert end["status"]["phase"] == "Running"
    assert end["status"]["podIP"]
    assert end["status"]["containerStatuses"][0]["ready"]


def test_a_pod_that_does_not_restart_ends() -> None:
    """Well, or as its annotation says."""
    steps, end = lived(a_pod(restart="Never"), [node("n")])
    assert (steps[-1], end["status"]["phase"]) == ("finish", "Succeeded")
    _, failed = lived(a_pod(restart="Never", annotations={EXIT_CODE: "3"}), [node("n")])
    assert failed["status"]["phase"] == "Failed"
    assert failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_a_pod_may_never_become_ready() -> None:
    """Running all the same."""
    _, end = lived(a_pod(annotations={READY: "false"}), [node("n")])
    ready = {one["type"]: one["status"] for one in end["status"]["conditions"]}["Ready"]
    assert (end["status"]["phase"], ready) == ("Running", "False")


def test_a_pod_without_a_node_says_so_once() -> None:
    """Unschedulable, and no second write that says the same."""
    steps, end = lived(a_pod(), [node("n", ready=False)])
    assert steps == ["bind"]
    assert end["status"]["conditions"][0]["reason"] == "Unschedulable"


def test_the_emptiest_node_that_fits_is_chosen() -> None:
    """Not one that is away, cordoned, or not selected."""
    cordoned = node("b")
    cordoned["spec"]["unschedulable"] = True
    nodes = [node("a", ready=False), cordoned, node("c"), node("d"), node("e", labels={"disk": "ssd"})]
    others = [pod("x", node="c"), pod("y", node="e"), pod("z", node="d", phase="Succeeded")]

    def chosen(one: dict[str, Any]) -> str:
        found = choose_node(one, nodes, others)
        return found["metadata"]["name"] if found else ""

    choosy = a_pod()
    choosy["spec"]["nodeSelector"] = {"disk": "ssd"}
    assert (chosen(a_pod()), chosen(choosy)) == ("d", "e")


def test_a_pod_that_is_leaving_or_gated_takes_no_step() -> None:
    """Nor does one that is done."""
    leaving, gated, done = a_pod(), a_pod(), pod("q", phase="Failed")
    leaving["metadata"]["deletionTimestamp"] = NOW
    gated["spec"]["schedulingGates"] = [{"name": "x"}]
    assert [next_step(one) for one in (leaving, gated, done)] == ["", "", ""]


def test_a_step_takes_as_long_as_the_pace_says() -> None:
    """The run of a job's pod may be its own."""
    pace = Pace(start_seconds=7)
    assert pace.of("start", a_pod()) == 7
    assert pace.of("finish", a_pod(annotations={"simulation/run-seconds": "90"})) == 90
