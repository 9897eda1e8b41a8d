"""Schedules: one step of one schedule, and who tells it that something has happened."""
