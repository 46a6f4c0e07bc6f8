"""What is asked: scenarios as files and records, the user's own hours, this installation's own load."""
