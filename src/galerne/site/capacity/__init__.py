"""What a system serves under an objective, and how many of them a load needs."""
