"""The interactive chat: one conversation, its commands, and its terminal."""
