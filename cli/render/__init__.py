"""The look of an answer: a live view, finished blocks, or raw text in a pipe."""
