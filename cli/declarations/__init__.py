"""The declarations of the commands: names, options, help.

Each body imports what it runs, like its module in `commands/`.
"""
