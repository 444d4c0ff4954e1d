"""The ways into the server. They behave alike: each turns its kind of request into ours, and our answer into its own."""
