"""What waits for a subscriber, change by change."""

from __future__ import annotations

from typing import Any

import pytest
from core_helpers import Thing, thing

from trio_k8swatch import Change, Policy
from trio_k8swatch._store.waiting.change_queues import InOrder, Newest, OrResync, queue_for

A1, A2, A3 = (thing("a", version) for version in (1, 2, 3))
B1, B2, C1 = thing("b", 1), thing("b", 2), thing("c", 1)


def taken(queue: OrResync[Thing] | Newest[Thing] | InOrder[Thing]) -> list[Change[Thing]]:
    """All that waits, in order."""
    return [queue.pop() for _ in range(len(queue))]


def test_policies_have_the_names_that_callers_write() -> None:
    """`store.subscribe(policy="coalesce")`; each makes a queue of its own."""
    assert [policy.value for policy in Policy] == ["block", "coalesce", "resync"]
    assert [type(queue_for(policy, 1, {})) for policy in Policy] == [InOrder, Newest, OrResync]


def test_a_change_says_nothing_special_unless_it_is_told_to() -> None:
    """Neither that it was there before, nor that it may be stale."""
    change: Change[Thing] = Change("ADDED", A1)
    assert (change.old, change.preexisting, change.may_be_stale) == (None, False, False)


def test_up_to_its_buffer_a_queue_keeps_the_changes_themselves() -> None:
    """Exactly so many, and not one more."""
    store = {"a": A1}
    queue: OrResync[Thing] = OrResync(store, 2)
    queue.put("a", Change("ADDED", A1, preexisting=True))
    store["a"] = A2
    queue.put("a", Change("MODIFIED", A2, A1))
    assert taken(queue) == [Change("ADDED", A1, preexisting=True), Change("MODIFIED", A2, A1)]
    for old, new in ((A2, A3), (A3, A1), (A1, A2)):
        store["a"] = new
        queue.put("a", Change("MODIFIED", new, old))
    assert taken(queue) == [Change("ADDED", A2, A2, preexisting=True)]


def test_a_resync_begins_with_the_deletions_of_what_was_handed_out() -> None:
    """As they were last seen; then everything there is."""
    store = {"a": A1, "b": B1}
    queue: OrResync[Thing] = OrResync(store, 2)
    queue.put("a", Change("ADDED", A1))
    queue.put("b", Change("ADDED", B1))
    taken(queue)
    del store["a"]
    store.update(b=B2, c=C1)
    queue.put("a", Change("DELETED", A1, A1))
    queue.put("b", Change("MODIFIED", B2, B1))
    queue.put("c", Change("ADDED", C1))
    assert taken(queue) == [
        Change("DELETED", A1, A1, may_be_stale=True),
        Change("ADDED", B2, B1, preexisting=True),
        Change("ADDED", C1, None, preexisting=True),
    ]


def test_during_a_resync_what_is_gone_before_it_was_handed_out_is_not_handed_out() -> None:
    """And what comes is put among what is to be handed out."""
    store = {"a": A1, "b": B1}
    queue: OrResync[Thing] = OrResync(store, 0)
    queue.put("a", Change("ADDED", A1))
    del store["b"]
    queue.put("b", Change("DELETED", B1, B1))
    store["c"] = C1
    queue.put("c", Change("ADDED", C1))
    assert [change.object for change in taken(queue)] == [A1, C1]


def test_after_a_deletion_that_waits_an_object_is_new() -> None:
    """The reader will have seen it go by then."""
    store = {"a": A1}
    queue: OrResync[Thing] = OrResync(store, 9)
    queue.put("a", Change("ADDED", A1))
    queue.put("a", Change("DELETED", A2, A1))
    queue.put("a", Change("ADDED", A3, preexisting=True))
    assert taken(queue) == [
        Change("ADDED", A1),
        Change("DELETED", A2, A1),
        Change("ADDED", A3, preexisting=True),
    ]


def test_an_addition_of_what_was_handed_out_already_is_a_change_of_it() -> None:
    """Handing out the store anew had run ahead."""
    store = {"a": A2}
    queue: OrResync[Thing] = OrResync(store, 9)
    queue.put("a", Change("ADDED", A1))
    taken(queue)
    queue.put("a", Change("ADDED", A2))
    assert taken(queue) == [Change("MODIFIED", A2, A1)]
    queue.put("a", Change("ADDED", A2))
    assert taken(queue) == []


def test_what_was_handed_out_is_compared_with_and_not_what_waited_once() -> None:
    """Nothing is remembered of changes that were taken."""
    store = {"a": A1}
    queue: OrResync[Thing] = OrResync(store, 9)
    queue.put("a", Change("ADDED", A1))
    queue.put("a", Change("MODIFIED", A2, A1))
    taken(queue)
    assert queue._newest == {}


def test_a_relist_takes_out_of_a_resync_what_went_with_it_unseen() -> None:
    """What was handed out stays, to be handed out as gone; the same mapping once more changes nothing."""
    store = {"a": A1, "b": B1, "c": C1}
    queue: OrResync[Thing] = OrResync(store, 0)
    queue.put("a", Change("ADDED", A1))
    assert queue.pop().object is A1
    queue._again["a"] = None
    queue.look_at({"c": C1})
    assert [(change.type, change.object) for change in taken(queue)] == [("ADDED", C1), ("DELETED", A1)]


@pytest.mark.parametrize("preexisting", [True, False])
def test_coalescing_keeps_whether_it_was_there_before(preexisting: bool) -> None:
    """The reader has not seen it yet."""
    queue: Newest[Any] = Newest()
    queue.put("a", Change("ADDED", A1, preexisting=preexisting))
    queue.put("a", Change("MODIFIED", A2, A1))
    assert taken(queue) == [Change("ADDED", A2, preexisting=preexisting)]
