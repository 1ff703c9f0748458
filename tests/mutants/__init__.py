"""Planted defects: whether the tests notice them. `python -m tests.mutants` plants one at a time."""
