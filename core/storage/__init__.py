"""Files of the program's own: where they are, and how they are written."""
