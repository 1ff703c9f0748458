"""The one HTTP engine: connections, framing, streaming, probing."""
