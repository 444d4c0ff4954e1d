"""TLS to an API server."""
