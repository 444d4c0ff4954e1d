"""Requests and responses of the fake API server, before any door."""
