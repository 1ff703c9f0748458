"""The destinations of an answer: one class for each kind of output, one interface."""
