"""What follows which end of a round."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reflector.tables import rows

from trio_k8swatch import (
    ApiError,
    ConfigError,
    Expired,
    Forbidden,
    K8sWatchError,
    NotFound,
    NotWatchable,
    ProtocolError,
    Status,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from trio_k8swatch._reflector import next_step as next_step_module
from trio_k8swatch._reflector.next_step import (
    End,
    Outcome,
    Plan,
    Step,
    end_of,
    following,
    refuses_streaming,
    retry_after_of,
)

FAILURE = Unavailable("x")
FREE = {End.ENDED, End.QUIET, End.REQUESTED, End.SUSPICION, End.LISTED, End.STALLED, End.UNSUPPORTED}
FREE |= {End.SAME_SERVER, End.ROLLED_BACK}
"""Ends that are no failures."""


def outcome(end: End, *, brought: bool = False) -> Outcome:
    return Outcome(end, None if end in FREE else FAILURE, brought=brought)


def api(type_: type[ApiError], code: int, retry_after: float | None = None, message: str = "") -> ApiError:
    return type_("refused", status=Status(code=code, message=message), retry_after=retry_after)


def table() -> Iterator[tuple[Step, End, int, Step]]:
    """From step and end, the how manieth in a row, to the next step."""
    for step, ends, following_ in rows(next_step_module):
        for end in ends.split(", "):
            first, _, later = following_.partition(", ")
            yield Step(step), End(end), 1, Step(first)
            if later:
                number, _, then = later.partition(" ")
                nth = int(number.rstrip("ndth"))
                yield Step(step), End(end), nth - 1, Step(first)
                yield Step(step), End(end), nth, Step(then)


@pytest.mark.parametrize(("step", "end", "times", "expected"), [*table()])
def test_a_row_of_the_table(step: Step, end: End, times: int, expected: Step) -> None:
    """What the docstring says is what happens."""
    plan = Plan(step=step)
    for _ in range(times):
        plan = following(replace(plan, step=step), outcome(end))
    assert plan.step is expected


def test_the_table_says_of_every_end_what_it_means_for_a_watch_and_a_list() -> None:
    """All but those that cannot be."""
    said = {(step, end) for step, end, *_ in table()}
    of_lists = {End.LISTED, End.STALLED, End.UNSUPPORTED}
    of_probes = {End.SAME_SERVER, End.ROLLED_BACK}
    watch = {end for step, end in said if step is Step.WATCH}
    assert watch == {*End} - of_lists - of_probes
    for step in (Step.LIST, Step.CONSISTENT_LIST):
        assert {end for s, end in said if s is step} == {*End} - of_probes - {End.SUSPICION, End.QUIET}
    of_watches = {End.ENDED, End.ENDED_AT_ONCE, End.QUIET, End.SUSPICION}
    assert {end for s, end in said if s is Step.PROBE} == {*End} - of_lists - of_watches


@pytest.mark.parametrize(("step", "end"), [(s, e) for s in Step for e in End])
def test_what_the_table_does_not_have_is_a_mistake_of_ours(step: Step, end: End) -> None:
    """And is said to be one."""
    if (step, end) in {(s, e) for s, e, *_ in table()}:
        return
    with pytest.raises(AssertionError, match="does not end"):
        following(Plan(step=step), outcome(end))


ends_of_watches = st.sampled_from([end for step, end, *_ in table() if step is Step.WATCH])


@given(st.lists(st.tuples(ends_of_watches, st.booleans()), max_size=40))
def test_a_connection_that_breaks_is_never_a_reason_to_list(happenings: list[tuple[End, bool]]) -> None:
    """However often, and whatever else happened: a list has a cause that says that something may be missing."""
    plan = Plan(step=Step.WATCH)
    for end, brought in happenings:
        plan = following(replace(plan, step=Step.WATCH), outcome(end, brought=brought))
        if end in {End.ENDED, End.ENDED_AT_ONCE, End.BROKEN, End.UNREACHABLE, End.UNAVAILABLE, End.THROTTLED}:
            assert plan.step is Step.WATCH
        if plan.step in {Step.LIST, Step.CONSISTENT_LIST}:
            assert plan.cause is end


def test_silence_is_doubted_until_something_is_heard() -> None:
    """A watch that opens proves nothing after one that was silent; a list that shows something new proves the contrary."""
    plan = following(Plan(step=Step.WATCH), outcome(End.SILENCE))
    assert plan.is_doubted
    assert not plan.heard().is_doubted
    listing = following(plan, outcome(End.SILENCE))
    assert (listing.step, listing.cause) == (Step.CONSISTENT_LIST, End.SILENCE)
    assert following(listing, Outcome(End.LISTED)).is_doubted
    assert not following(listing, Outcome(End.LISTED, explains=True)).is_doubted


def test_silences_are_counted_in_a_row() -> None:
    """What is heard in between counts more; a list of another cause does not."""
    once = following(Plan(step=Step.WATCH), outcome(End.SILENCE))
    heard = following(once, Outcome(End.BROKEN, FAILURE, brought=True))
    assert following(heard, outcome(End.SILENCE)).step is Step.WATCH
    listed = following(replace(once, step=Step.LIST, cause=End.EXPIRED), Outcome(End.LISTED))
    assert following(listed, outcome(End.SILENCE)).step is Step.CONSISTENT_LIST


def test_a_list_keeps_the_cause_that_it_had_first() -> None:
    """That it failed on the way is not why it is read; but who asks for it is."""
    plan = following(Plan(step=Step.WATCH), outcome(End.EXPIRED))
    plan = following(plan, outcome(End.NONSENSE))
    assert (plan.step, plan.reason) == (Step.CONSISTENT_LIST, "expired")
    assert following(plan, outcome(End.REQUESTED)).reason == "requested"
    assert Plan().reason == "initial"


@pytest.mark.parametrize("end", [End.STALLED, End.UNSUPPORTED])
def test_streaming_lists_that_do_not_work_are_not_tried_again(end: End) -> None:
    """Pages do."""
    assert not following(Plan(), outcome(end)).streams


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (api(Expired, 410), End.EXPIRED),
        (ProtocolError("x"), End.NONSENSE),
        (api(NotFound, 404), End.NOT_SERVED),
        (api(Unauthorized, 401), End.DENIED),
        (api(Forbidden, 403), End.DENIED),
        (ConfigError("no token"), End.DENIED),
        (api(TooManyRequests, 429), End.THROTTLED),
        (api(NotWatchable, 405), End.REFUSED),
        (api(ApiError, 422), End.REFUSED),
        (api(ApiError, 499), End.REFUSED),
        (api(ApiError, 500), End.INTERNAL_ERROR),
        (api(ApiError, 0), End.NONSENSE),
        (api(ApiError, 503), End.UNAVAILABLE),
        (api(ApiError, 504), End.UNAVAILABLE),
        (api(ApiError, 504, message="Too large resource version"), End.TOO_NEW),
        (Unavailable("x"), End.UNREACHABLE),
    ],
)
def test_B2_W1_L6_an_error_says_how_a_round_ended(error: K8sWatchError, expected: End) -> None:
    """The Go package tried the same version for ever, whatever the server said."""
    assert end_of(error, is_answered=False) is expected


def test_what_happens_after_the_answer_is_not_what_happens_before() -> None:
    """A stream that breaks was one; an ERROR event of 503 is about this watch, and not about the server."""
    assert end_of(Unavailable("x"), is_answered=True) is End.BROKEN
    assert end_of(api(ApiError, 503), is_answered=True) is End.INTERNAL_ERROR


@pytest.mark.parametrize(("code", "refuses"), [(400, True), (422, True), (410, False), (500, False)])
def test_a_server_without_streaming_lists_says_so_by_its_code(code: int, *, refuses: bool) -> None:
    """As invalid, or as a bad request."""
    assert refuses_streaming(api(ApiError, code)) is refuses
    assert not refuses_streaming(Unavailable("x"))


def test_only_the_server_can_say_when_to_come_back() -> None:
    """No answer says nothing."""
    assert retry_after_of(api(TooManyRequests, 429, retry_after=3)) == 3
    assert retry_after_of(api(TooManyRequests, 429)) is None
    assert retry_after_of(Unavailable("x")) is None
    assert retry_after_of(None) is None
    assert retry_after_of(api(TooManyRequests, 429, retry_after=0)) is None
    assert retry_after_of(api(TooManyRequests, 429, retry_after=0.5)) == 0.5


def test_a_plan_begins_with_nothing_against_the_server() -> None:
    """It may have streaming lists, and nothing has failed or is doubted."""
    assert Plan() == Plan(
        step=Step.CONSISTENT_LIST,
        cause=None,
        streams=True,
        failures=0,
        silences=0,
        is_doubted=False,
        is_caught=False,
    )


def test_what_is_heard_ends_everything_that_counted_against_the_server() -> None:
    """And leaves what is to be done, and what the server cannot do."""
    plan = Plan(
        step=Step.WATCH, cause=End.SILENCE, streams=False, failures=3, silences=1, is_doubted=True, is_caught=True
    )
    assert plan.heard() == Plan(step=Step.WATCH, cause=End.SILENCE, streams=False)


def test_failures_are_counted_up() -> None:
    """Those that failed, and no others."""
    plan = following(following(Plan(step=Step.WATCH), outcome(End.BROKEN)), outcome(End.UNREACHABLE))
    assert plan.failures == 2
    assert following(plan, outcome(End.ENDED)).failures == 2


def test_a_doubt_stays_whatever_else_happens() -> None:
    """Until something is heard."""
    plan = following(Plan(step=Step.WATCH), outcome(End.ENDED_AT_ONCE))
    assert plan.is_doubted
    assert following(plan, outcome(End.BROKEN)).is_doubted
    assert not following(plan, Outcome(End.BROKEN, FAILURE, brought=True)).is_doubted


def test_a_list_after_silences_begins_their_count_anew() -> None:
    """The next silence is the first; and a server that was caught once is doubted by lists that explain nothing and all."""
    plan = Plan(step=Step.CONSISTENT_LIST, cause=End.SILENCE, silences=2, is_doubted=True)
    caught = following(plan, Outcome(End.LISTED))
    assert caught == Plan(step=Step.WATCH, cause=End.SILENCE, is_doubted=True, is_caught=True)
    believed = following(plan, Outcome(End.LISTED, explains=True))
    assert believed == Plan(step=Step.WATCH, cause=End.SILENCE)
    again = following(replace(plan, is_caught=True), Outcome(End.LISTED, explains=True))
    assert again == Plan(step=Step.WATCH, cause=End.SILENCE, is_doubted=True, is_caught=True)
