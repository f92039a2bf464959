"""The `falaj` command."""
