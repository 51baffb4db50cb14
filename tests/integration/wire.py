"""A wire between a client and the server that can be slow, stand still or break. It carries bytes
and knows nothing of TLS: what the client sees is the server's own certificate.

It keeps its port while the server is restarted on another one.
"""

import socket
import struct
import threading
import time

BLOCK = 16384
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends a reset


class Wire:
    """`target` gives the server's port whenever a client connects; None: nobody is there."""

    def __init__(self, target):
        self.target = target
        self.changed = threading.Condition()
        self.pairs = set()
        self.sent = 0          # bytes of clients that were passed on
        self.limit = None      # of self.sent: there the wire stands still
        self.rate = None       # bytes a second of each connection
        self.mute = False      # nothing of the server is passed on
        self.frozen = set()    # pairs that stand still for good
        self.at_limit = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # --- what a test does to it ---------------------------------------------------------------

    def hold_after(self, count):
        """Of all that clients send from now on, `count` bytes pass; then it stands still, which
        self.at_limit tells."""
        with self.changed:
            self.at_limit.clear()
            self.limit = self.sent + count

    def await_hold(self, seconds=60):
        if not self.at_limit.wait(seconds):
            raise AssertionError(f"the client sent only {self.sent} bytes of {self.limit}")

    def release(self):
        with self.changed:
            self.limit, self.mute = None, False
            self.changed.notify_all()

    def freeze(self):
        """Of the connections that there are nothing passes any more and neither end is told, as when
        a phone changes its network. New ones are as ever."""
        with self.changed:
            self.frozen |= self.pairs
            self.limit, self.mute = None, False
            self.changed.notify_all()

    def cut(self):
        """Every connection breaks at once, with a reset to both ends."""
        with self.changed:
            pairs, self.pairs = self.pairs, set()
            self.changed.notify_all()
        for pair in pairs:
            for end in pair:
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    end.shutdown(socket.SHUT_RD)  # wakes who reads
                except OSError:
                    pass
                end.close()

    def close(self):
        self.listener.close()
        self.cut()

    # --- what it does ---------------------------------------------------------------------------

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            port = self.target()
            try:
                server = socket.create_connection(("127.0.0.1", port), timeout=10)
            except (OSError, TypeError):
                client.close()
                continue
            for end in client, server:
                end.settimeout(None)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (client, server)
            with self.changed:
                self.pairs.add(pair)
            for ends in (pair, client, server, True), (pair, server, client, False):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _may_pass(self, pair, upwards, wanted):
        """How many bytes may pass now; waits while the wire stands still. 0: it broke."""
        with self.changed:
            while pair in self.pairs:
                if pair in self.frozen:
                    pass
                elif not upwards:
                    if not self.mute:
                        return wanted
                elif self.limit is None or self.sent < self.limit:
                    n = wanted if self.limit is None else min(wanted, self.limit - self.sent)
                    self.sent += n
                    return n
                else:
                    self.at_limit.set()
                self.changed.wait()
            return 0

    def _carry(self, pair, source, sink, upwards):
        try:
            while data := source.recv(BLOCK):
                while data:
                    n = self._may_pass(pair, upwards, len(data))
                    if n == 0:
                        return
                    if upwards and self.rate:
                        time.sleep(n / self.rate)
                    sink.sendall(data[:n])
                    data = data[n:]
            if pair not in self.frozen:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        finally:
            with self.changed:
                broken = pair in self.pairs and not upwards
                if broken:
                    self.pairs.discard(pair)
                    self.changed.notify_all()
            if broken:  # the server has closed
                for end in pair:
                    end.close()
