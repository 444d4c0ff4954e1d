"""What is measured against a real kube-apiserver, over TLS: `python -m benchmarks --real DIR`."""
