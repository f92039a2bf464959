"""What is recorded of each request: outcomes, statistics, and the line that carries them."""
