"""AWS WAF before REST APIs: web ACLs as templates declare them, decided request by request."""
