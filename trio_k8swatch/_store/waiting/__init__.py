"""Those who wait for a change of the store."""
