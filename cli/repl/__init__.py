"""The interactive chat: one conversation, its commands, and the terminal it lives on."""
