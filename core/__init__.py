"""The fallback engine and all that is pure: standard library only, no network, no terminal."""
