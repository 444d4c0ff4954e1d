"""What the server is shown to know us by."""
