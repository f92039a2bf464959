"""What each dashboard shows, as the JSON that CloudWatch draws."""
