"""A real one-node Kubernetes for the tests, made of processes instead of a container engine."""
