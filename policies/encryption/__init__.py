"""At rest under the customer's key, in transit under TLS."""
