"""What holds for every test."""

import os

from hypothesis import settings

# A change is not to fail for an example that has nothing to do with it. At the desk the search goes on where it likes.
settings.register_profile("ci", derandomize=True)
if "CI" in os.environ:
    settings.load_profile("ci")
