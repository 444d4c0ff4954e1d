"""Which resources a server has, by the names that people use for them."""
