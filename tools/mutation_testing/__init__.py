"""Mutation testing of the modules that decide: `python -m mutation_testing`, with `tools` on the path."""
