"""A gate before another server: who may is passed on to it, and every request leaves a record."""
