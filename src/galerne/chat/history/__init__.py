"""What is kept: conversations as trees, projects, search, each person's own."""
