"""`python -m chaos`: what a watch is like behind a network that breaks, with real sockets and TLS (`nox -s chaos`)."""
