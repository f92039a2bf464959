"""Where a process begins: Lambda handlers and container servers, composed from the parts below."""
