"""A line that breaks: a TCP proxy on loopback that cuts each connection after a random number of
bytes in one direction or the other. It carries bytes and knows nothing of TLS. What it does follows
from its seed and the number of the connection.

It keeps its port while the server is restarted on another one.
"""

import collections
import math
import random
import socket
import struct
import threading

BLOCK = 16384
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends a reset


class Cut:
    """What will happen to one connection."""

    def __init__(self, seed, number, whole, least, most):
        dice = random.Random(f"{seed}/{number}")
        self.number = number
        self.limits = {"up": None, "down": None}
        self.resets = dice.random() < 0.5  # or an orderly end
        if dice.random() >= whole:
            # Up is where the file goes; down are handshakes and answers, which are short.
            way = "up" if dice.random() < 0.6 else "down"
            top = most if way == "up" else min(most, 16384)
            self.limits[way] = int(math.exp(dice.uniform(math.log(least), math.log(top))))


class CuttingProxy:
    """`target` gives the server's port whenever a client connects. A part `whole` of the connections
    is left alone; the others are cut after `least` to `most` bytes, short lives more often.
    `carried_up` counts the bytes that went towards the server."""

    def __init__(self, target, seed, whole=0.2, least=1, most=1 << 20):
        self.target, self.seed, self.whole, self.least, self.most = target, seed, whole, least, most
        self.lock = threading.Lock()
        self.count = self.carried_up = 0
        self.cuts = collections.Counter()
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.listener.close()
        with self.lock:
            pairs = list(self.open)
        for pair in pairs:
            self._end(pair, False)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.count += 1
                cut = Cut(self.seed, self.count, self.whole, self.least, self.most)
            threading.Thread(target=self._serve, args=(client, cut), daemon=True).start()

    def _serve(self, client, cut):
        try:
            server = socket.create_connection(("127.0.0.1", self.target()), timeout=10)
        except (OSError, TypeError):
            client.close()
            return
        for end in client, server:
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (client, server)
        with self.lock:
            self.open.add(pair)
        down = threading.Thread(target=self._carry, args=(pair, server, client, cut, "down"),
                                daemon=True)
        down.start()
        self._carry(pair, client, server, cut, "up")
        down.join()
        self._end(pair, False)

    def _carry(self, pair, source, sink, cut, way):
        left = cut.limits[way]
        try:
            while data := source.recv(BLOCK):
                if left is not None and len(data) >= left:
                    sink.sendall(data[:left])
                    with self.lock:
                        self.cuts[way] += 1
                    self._end(pair, cut.resets)
                    return
                sink.sendall(data)
                if way == "up":
                    with self.lock:
                        self.carried_up += len(data)
                if left is not None:
                    left -= len(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._end(pair, False)

    def _end(self, pair, reset):
        with self.lock:
            if pair not in self.open:
                return
            self.open.discard(pair)
        for end in pair:
            try:
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RD)  # wakes who reads
            except OSError:
                pass
            end.close()
