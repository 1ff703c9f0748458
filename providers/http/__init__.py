"""The only HTTP engine: connections, framing, streaming, probing."""
