"""Zips without Docker: layers and function code, staged below .build and reused by digest."""
