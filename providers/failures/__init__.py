"""From what a server reports to the failure that the engine acts on."""
