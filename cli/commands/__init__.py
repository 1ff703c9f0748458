"""One module a command: each takes values, does its work and gives an exit code."""
