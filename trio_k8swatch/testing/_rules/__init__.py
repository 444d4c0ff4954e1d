"""What objects may be, and what may change of them."""
