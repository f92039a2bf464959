"""Adds up what models saw and said, and tells when that is no longer what it was."""
