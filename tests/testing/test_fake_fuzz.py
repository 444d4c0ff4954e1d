"""No request ends the fake, whatever is in it; `FAKE_FUZZ=1000000` asks more of it."""

import os

import pytest
from testing.fake_fuzz import Fuzz

COUNT = int(os.environ.get("FAKE_FUZZ", "6000"))


@pytest.mark.parametrize("seed", range(2))
async def test_no_request_makes_the_fake_fail(seed, autojump_clock):
    """It answers all of them, and none with a failure of its own."""
    fuzz = Fuzz(seed)
    await fuzz.run(COUNT // 2)

    assert sum(fuzz.answers.values()) > 500
    # They are not all turned away at the door.
    assert {200, 201, 400, 404, 405, 409, 415, 422} <= fuzz.answers.keys()
