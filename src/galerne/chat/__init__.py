"""The assistant, a client of our HTTP API: in the browser (``web``) and in the terminal (``terminal``).

Both stand on ``client`` (the API, an answer as it comes), ``history`` (conversations, and whose they are),
``bill`` (what answers cost, in words), ``documents``, ``tools``, ``people`` and ``archive``.
"""
