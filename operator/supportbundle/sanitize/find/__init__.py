"""The first look at every byte: triggers and known secrets."""
