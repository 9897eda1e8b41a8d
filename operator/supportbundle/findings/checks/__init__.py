"""One check a file; `supportbundle.findings.registry` finds them."""
