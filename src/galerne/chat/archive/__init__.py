"""Conversations as files: ours out and in, and those of ChatGPT and Open WebUI in."""
