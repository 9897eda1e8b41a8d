"""Inside the Job: one shard of a plan becomes one fragment in the staging store."""
