"""The operator process: kopf watches, the queues work. Only this package knows kopf.

kopf serves as the informer: an event only puts a key into a queue. Its create and update handlers, timers and
daemons are not used, for they write finalizers and annotations into users' objects.
"""

from supportbundle.handlers.process import operate

__all__ = ["operate"]
