"""What is secret, as data: built-in tables, keys and forms, and somebody's own rules."""
