"""Requests by chance, answered by a real kube-apiserver once, asked of the fake: what agrees, and that it goes on agreeing.

`python -m testing.comparison.record` in `tests/` records anew, `python -m testing.comparison.compare --show status` shows where
the fake disagrees.
"""

from pathlib import Path

import pytest
from testing.comparison.classes import class_of
from testing.comparison.compare import compared, recorded, table

# Alike for whoever reads status, reason, fields and objects.
AGREE = {"same", "wording"}


@pytest.fixture(scope="module")
def results():
    return compared(recorded())


def test_the_table_in_the_documentation_is_that_of_this_run(results):
    """`docs/testing.md` says how often the fake agrees with the real server, area by area."""
    assert table(results) in (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


def test_nineteen_of_twenty_requests_are_answered_alike(results):
    """The same status, reason, causes and object; the words may differ."""
    assert sum(found in AGREE for *_, found in results) >= 0.95 * len(results)


def test_hardly_anything_is_done_that_the_real_server_refuses(results):
    """Whoever tests with the fake is not told that a request is right which is not."""
    accepted = [(ask.method, ask.path, ask.query) for ask, _, _, found in results if found == "accepted"]
    assert len(accepted) <= 0.0005 * len(results), accepted


def test_status_codes_are_those_of_the_real_server(results):
    """But for a few in a thousand, where neither did what was asked, or the fake says that it does not imitate it."""
    other = [(ask.method, ask.path, ask.query) for ask, _, _, found in results if found == "status"]
    assert len(other) <= 0.002 * len(results), other


def test_managers_own_what_they_own_on_the_real_server(results):
    """Applied by three, patched by a fourth: the same objects, managers, fields and conflicts."""
    found = [one for ask, *_, one in results if ask.area == "applies"]
    assert len(found) > 1_000
    assert sum(one in {*AGREE, "headers"} for one in found) >= 0.995 * len(found)


def answer(status, body):
    return {"status": status, "headers": {}, "body": body}


def refused(*causes, message="m"):
    details = {"causes": [{"reason": reason, "field": field, "message": "x"} for reason, field in causes]}
    return answer(422, {"reason": "Invalid", "message": message, "details": details})


@pytest.mark.parametrize(
    ("real", "fake", "found"),
    [
        (answer(200, {"a": 1}), answer(200, {"a": 1}), "same"),
        (answer(200, {"a": 1}), answer(200, {"a": 2}), "object"),
        (answer(200, {}), {**answer(200, {}), "headers": {"warning": ["w"]}}, "headers"),
        (refused(("R", "f")), refused(("R", "f"), message="other"), "wording"),
        (refused(("R", "f"), ("R", "f")), refused(("R", "f")), "wording"),
        (refused(("R", "f")), refused(("R", "g")), "causes"),
        (refused(("R", "f")), answer(200, {}), "accepted"),
        (answer(200, {}), refused(("R", "f")), "status"),
        (answer(409, {}), refused(("R", "f")), "status"),
        (answer(200, {}), answer(501, {}), "not imitated"),
    ],
)
def test_how_two_answers_are_told_apart(real, fake, found):
    """Each kind of disagreement is counted as what it is."""
    assert class_of(real, fake) == found
