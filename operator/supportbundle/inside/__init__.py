"""What runs inside debugging containers, in target pods: the standard library alone, for a fast start."""
