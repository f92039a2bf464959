"""API Gateway: HTTP APIs and REST APIs in front of functions, event for event as on AWS."""
