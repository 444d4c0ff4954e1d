"""How objects look to a client."""
