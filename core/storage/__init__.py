"""The program's own files: where they are and how they are written."""
