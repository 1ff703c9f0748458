"""The command line and the REPL: the only part that knows about terminals."""
