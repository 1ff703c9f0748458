"""The process: standard streams, signals, event loop, exit codes."""
