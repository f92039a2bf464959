"""Asks models what waits, and keeps their answers."""
