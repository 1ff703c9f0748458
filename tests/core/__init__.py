"""Tests of the engine: no network, no terminal, no waiting."""
