"""What an answer looks like: a live view on a terminal, finished blocks on a plain one, raw text in a pipe."""
