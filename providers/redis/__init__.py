"""Shared health in Redis: `resp.py` speaks to the server, `health.py` keeps the records."""
