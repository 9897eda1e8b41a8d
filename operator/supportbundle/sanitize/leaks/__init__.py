"""The second opinion on finished output."""
