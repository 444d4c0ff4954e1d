"""The ways into the server, which behave alike: each turns its requests into ours, and our answers into its own."""
