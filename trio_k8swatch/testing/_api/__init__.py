"""Which resources the fake serves, and how clients find out."""
