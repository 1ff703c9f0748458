"""Everything that turns a value into a sentence for people."""
