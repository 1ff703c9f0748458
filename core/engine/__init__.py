"""The failover engine: an ordered chain of LLMs that is itself an LLM."""
