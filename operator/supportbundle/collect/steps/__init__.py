"""What an API collector makes of answers: pure helpers, and the sequence that uses them."""
