"""The declarations of the commands: names, options, help. Each body imports what it runs, as its module in `commands/`."""
