"""Lines of output."""
