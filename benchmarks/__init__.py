"""How fast the library is, measured beside the fastest possible loop and beside its peers."""
