"""Stored conversations: written as they happen, searched, exported."""
