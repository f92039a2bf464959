"""The `falaj` command: noun, then verb; text for people, `--json` for programs."""
