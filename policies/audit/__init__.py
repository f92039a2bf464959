"""What happened can be told afterwards."""
