"""What the wire formats share: the dialect interface, requests, conversations, tools."""
