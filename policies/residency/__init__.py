"""Nothing leaves the country."""
