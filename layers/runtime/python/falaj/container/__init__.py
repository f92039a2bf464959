"""The container's server: transports, batches, caches and sequences around the one protocol."""
