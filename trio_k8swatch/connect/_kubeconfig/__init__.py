"""What kubeconfig files say, and what that means."""
