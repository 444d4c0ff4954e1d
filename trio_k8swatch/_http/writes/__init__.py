"""Writing: single objects, each request sent once."""
