"""Writing: single objects, nothing repeated that may have happened."""
