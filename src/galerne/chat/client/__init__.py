"""The daemon as its clients see it: the API, an answer as it comes, conversations."""
