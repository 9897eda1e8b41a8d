"""A TCP forwarder that holds a connection's bytes back beyond a limit, until it is told to let them pass."""

from __future__ import annotations

import contextlib
import socket
import threading


class Gatekeeper:
    """Forwards what it accepts to `target`; of what clients send, `limit` bytes pass before `opened`."""

    def __init__(self, listener: socket.socket, target: tuple[str, int], limit: int) -> None:
        self.port: int = listener.getsockname()[1]
        self.reached = threading.Event()
        self.opened = threading.Event()
        self._listener = listener
        self._target = target
        self._left = limit
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """No more connections; what waits is let go."""
        self._ended.set()
        self.opened.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(30)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._connect, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            self._ends += (client, server)
            back = threading.Thread(target=self._pump, args=(server, client, False))
            back.start()
            self._pump(client, server, counted=True)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:  # noqa: FBT001 - a thread's target
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if counted:
                    self._count(len(data))
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, size: int) -> None:
        with self._lock:
            self._left -= size
            over = self._left < 0
        if over:
            self.reached.set()
            self.opened.wait()
