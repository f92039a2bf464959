"""What a tenant's flood costs another tenant."""
