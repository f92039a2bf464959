"""Batch inference: a prefix of objects in, answers and a manifest that adds up out."""
