"""What is deployed together: the shared foundation, one stack per model, the API."""
