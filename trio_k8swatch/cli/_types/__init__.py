"""Structs for chosen fields of a resource, written from its schema."""
