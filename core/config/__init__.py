"""Configuration: from fallback.toml, environment and flags to frozen settings."""
