"""The container beside the servers that people use instead, each in an environment of its own."""
