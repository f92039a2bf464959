"""What may differ between deployments: frozen values, refused together when they are wrong."""
