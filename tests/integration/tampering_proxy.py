"""A proxy that terminates TLS with a certificate that the client trusts, and changes answers: what
somebody between the client and the gateway could do at the worst."""


import http.server
import ssl
import threading

HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "content-length", "expect",
       "upgrade"}


class TamperingProxy:
    """`change(method, path, answer)` may change the Answer in its place; `seen` is what clients asked:
    (method, path, headers)."""

    def __init__(self, gw, certificate, change=lambda method, path, answer: None):
        self.gw, self.change, self.seen = gw, change, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # The handshake belongs to the connection's thread, not to the one that accepts.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _handler(proxy):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.seen.append((self.command, self.path, dict(self.headers)))
                sent = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
                answer = proxy.gw.request(self.command, self.path, None, body or None, sent)
                proxy.change(self.command, self.path, answer)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in HOP | {"date"}:
                        self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_POST = do_HEAD = do_PATCH = do_GET = do_DELETE = pass_on
        return Handler
