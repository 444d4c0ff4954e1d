"""What a server serves, and what people call it."""
