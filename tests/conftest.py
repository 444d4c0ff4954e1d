"""What holds for every test."""

import os

from hypothesis import settings

# No example fails for being slow: other programs run on this machine, too.
settings.register_profile("desk", deadline=None)
# A change is not to fail for an example that has nothing to do with it. At the desk the search goes on where it likes.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "desk"))
