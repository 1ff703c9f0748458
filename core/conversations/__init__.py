"""Stored conversations: written while they happen, searched, exported."""
