"""What the program costs, beside its floor, in one run."""
