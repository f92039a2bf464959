"""Answers given before, for models that always answer alike."""
