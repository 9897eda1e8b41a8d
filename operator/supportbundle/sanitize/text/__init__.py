"""Running text: logs, command output, whatever has no grammar."""
