"""`trio-k8swatch fake`: the fake API server for clients in any language."""
