"""Commands for files that this operator did not collect: sanitize them, or look for what was left in them."""
