"""Says who a caller is, before a REST API lets anybody in."""
