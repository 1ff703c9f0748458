"""One module per command: each takes values, does its work and returns an exit code."""
