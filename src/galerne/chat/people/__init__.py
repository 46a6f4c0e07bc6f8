"""People: accounts, sessions and invitations of the assistant."""
