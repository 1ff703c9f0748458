"""The fallback engine and everything pure: standard library only, no network, no terminal."""
