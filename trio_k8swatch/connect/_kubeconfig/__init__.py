"""Kubeconfig files, from YAML to a connection."""
