"""Tests, in the order of the top-level folders."""
