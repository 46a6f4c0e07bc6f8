"""The assistant, a client of our HTTP API: in the browser (``web``) and in the terminal (``terminal``)."""
