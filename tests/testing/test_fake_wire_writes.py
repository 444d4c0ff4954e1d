"""Every recorded write, repeated with the fake: status, headers, and what the body says."""

import json
from pathlib import Path

import pytest
from testing.agreement import table
from testing.wire_writes import comparable, exchanges, replay

EXCHANGES = {(name, i): exchange for name, i, exchange in exchanges()}
# What differs on purpose, and why: there only the status agrees.
EXPECTED_DIFFERENCES = {
    ("write-invalid", 5): "the real server adds a diff of its internal structs to the message",
}


@pytest.fixture(scope="module")
def answers():
    return replay()


@pytest.mark.parametrize("key", [pytest.param(key, id=f"{key[0]}[{key[1]}]") for key in EXCHANGES])
def test_a_write_is_answered_as_by_the_real_server(answers, key):
    """The same status, the same names of headers, the same warnings, and a body that says the same."""
    exchange, answer = EXCHANGES[key], answers[key]
    assert answer.status == exchange.status, answer.body
    if key in EXPECTED_DIFFERENCES:
        return
    assert comparable(answer.body) == comparable(exchange.body or b""), json.dumps(comparable(answer.body))
    wanted = [tuple(pair) for pair in exchange.response["headers"]]
    assert named(answer.headers) == named(wanted)


def named(headers):
    """Names, and the values that mean something; the framing follows from the length of made-up names."""
    said = {"Warning", "Retry-After", "Content-Type", "Cache-Control"}
    return [
        (name, value if name in said else "")
        for name, value in headers
        if name not in {"Content-Length", "Transfer-Encoding"}
    ]


def test_the_table_in_the_documentation_is_that_of_this_run():
    """`docs/testing.md` says how many of the recorded writes agree."""
    assert table() in (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
