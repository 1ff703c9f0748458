"""The shared parts of the wire formats: the dialect interface, requests, conversations, tools."""
