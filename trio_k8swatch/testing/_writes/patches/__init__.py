"""What an object becomes when a patch is applied, and what is said where it cannot be."""
