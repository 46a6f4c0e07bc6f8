"""History of the chat store's tables."""
