"""What the cluster holds, and how it is read."""
