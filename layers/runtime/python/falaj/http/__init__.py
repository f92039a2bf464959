"""The Open Inference Protocol over HTTP, without a web framework: bytes in, bytes out."""
