"""One folder per function; each handler is a few lines that call `falaj.entrypoints`."""
