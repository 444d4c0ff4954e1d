"""Views of a store by other keys."""
