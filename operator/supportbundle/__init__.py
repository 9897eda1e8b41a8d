"""supportbundle-operator: one SupportBundle resource in, one sanitized zip in object storage out."""

__version__ = "0.1.0"
