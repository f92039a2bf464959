"""Nobody gets in who was not let in."""
