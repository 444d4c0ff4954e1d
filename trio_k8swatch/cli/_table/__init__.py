"""A moving table in a terminal."""
