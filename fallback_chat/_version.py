"""The version, in a module of its own that `--version` and the build can read without imports."""

__version__ = "0.1.0"
