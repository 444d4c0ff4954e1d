"""Other people's clients against the fake: `nox -s peers`."""
