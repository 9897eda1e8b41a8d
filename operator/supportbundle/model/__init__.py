"""Words: the resources, plans and results as frozen, validated values. No I/O, no clock."""
