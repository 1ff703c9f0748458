"""The program against real servers that this project did not write; `make test-real` runs it."""
