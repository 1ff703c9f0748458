"""Values in words: everything that turns a value into a sentence for people."""
