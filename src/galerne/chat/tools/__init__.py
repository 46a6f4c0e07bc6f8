"""Tools of the assistant: what a model may call, who must agree first, and what came of it."""
