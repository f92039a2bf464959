"""The environment, read once into frozen values."""
