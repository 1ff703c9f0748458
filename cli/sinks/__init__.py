"""Where an answer goes: one class for each kind of output, one interface."""
