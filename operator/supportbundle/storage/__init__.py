"""Object storage. The only package that knows boto3; everything else speaks `base.Store`."""
