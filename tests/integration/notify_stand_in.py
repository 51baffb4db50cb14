"""A local stand-in of the two receivers of messages, written from their documentation: the REST
API of GOV.UK Notify (docs.notifications.service.gov.uk/rest-api.html), as far as the gateway uses
it, and a department's webhook.

Every POST is put into `calls`, every other call into `asked`. `answers` says how the next POSTs
are answered: statuses, or callables (handler) -> None; when it is empty, as documented. With
`claim` only what is about that claim counts there: what comes late of another test does not.
"""

import base64
import hashlib
import hmac
import http.server
import json
import queue
import threading
import time
import urllib.parse
import uuid

SERVICE = "26785a09-ab16-4eb0-8407-a37497a57506"
SECRET = "3d844edf-8d35-48ac-975b-e847b4f122b0"
API_KEY = f"gateway-test-{SERVICE}-{SECRET}"
WEBHOOK_SECRET = "a secret that two systems share"


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token_fault(header):
    """None, or what is wrong with an Authorization header."""
    if not header or not header.startswith("Bearer "):
        return "Unauthorized: authentication token must be provided"
    head, claims, signature = header[7:].split(".")
    wanted = hmac.new(SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    if json.loads(unpadded(head)) != {"typ": "JWT", "alg": "HS256"}:
        return "Invalid token: algorithm used is not HS256"
    if not hmac.compare_digest(unpadded(signature), wanted):
        return "Invalid token: signature, api token not found"
    told = json.loads(unpadded(claims))
    if told["iss"] != SERVICE:
        return "Invalid token: service not found"
    if abs(told["iat"] - time.time()) > 30:
        return "Error: Your system clock must be accurate to within 30 seconds"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=None):
        data = json.dumps(body or {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def error(self, status, error, message=""):
        self.reply(status, {"status_code": status,
                            "errors": [{"error": error, "message": message}]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.handle_call("POST", body)

    def do_GET(self):
        self.handle_call("GET", b"")

    def handle_call(self, method, body):
        box = self.server.box
        answer = box.saw(method, self.path, dict(self.headers), body)
        if callable(answer):
            answer(self)
        elif isinstance(answer, int) and answer >= 300:
            self.error(answer, "BadRequestError" if answer < 500 else "Exception",
                       "phone_number +447900900123 Not a valid phone number")
        elif self.path.startswith("/v2/"):
            self.notify(method, body)
        else:
            self.reply(200)

    def notify(self, method, body):
        box = self.server.box
        fault = token_fault(self.headers.get("Authorization"))
        if fault:
            return self.error(403, "AuthError", fault)
        path = urllib.parse.urlsplit(self.path)
        if method == "GET":
            return self.tell(box, path)
        channel = path.path.rsplit("/", 1)[1]
        told = json.loads(body)
        known = {"template_id", "personalisation", "reference", "phone_number",
                 "email_address"}
        where = {"sms": "phone_number", "email": "email_address"}.get(channel)
        lines = [k for k in told.get("personalisation", {}) if k.startswith("address_line_")]
        if set(told) - known or (where and not told.get(where)) \
                or (channel == "letter" and len(lines) < 3):
            return self.error(400, "ValidationError")
        uuid.UUID(told["template_id"])
        made = box.accept(channel, told)
        self.reply(201, {"id": made, "reference": told["reference"], "content": {},
                         "uri": f"/v2/notifications/{made}",
                         "template": {"id": told["template_id"], "version": 1, "uri": ""}})

    def tell(self, box, path):
        query = urllib.parse.parse_qs(path.query)
        if path.path == "/v2/notifications":
            found = [n for n in box.accepted if n["reference"] == query["reference"][0]]
            return self.reply(200, {"notifications": found, "links": {}})
        found = [n for n in box.accepted if n["id"] == path.path.rsplit("/", 1)[1]]
        self.reply(200, {**found[0], "status": box.status}) if found \
            else self.error(404, "NoResultFound")


class Receiver:
    """One such server on a free port; `accepted`: what Notify took."""

    def __init__(self):
        self.lock = threading.Lock()
        self.begin(None)
        self.start(0)

    def begin(self, claim, status="delivered"):
        with self.lock:
            self.calls, self.asked = queue.Queue(), queue.Queue()
            self.answers, self.accepted, self.status, self.claim = [], [], status, claim

    def start(self, port):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.box = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def saw(self, method, path, headers, body):
        """Notes the call; how it is answered, or None for as documented."""
        call = {"method": method, "path": path, "headers": headers, "body": body,
                "json": json.loads(body) if body else None}
        with self.lock:
            if method != "POST":
                self.asked.put(call)
                return None
            about = call["json"].get("personalisation", {}).get("claim")
            if self.claim and about != self.claim:
                return None
            self.calls.put(call)
            return self.answers.pop(0) if self.answers else None

    def accept(self, channel, told):
        with self.lock:
            self.accepted.append({"id": str(uuid.uuid4()), "type": channel, **told})
            return self.accepted[-1]["id"]

    def call(self, seconds=60):
        """The next POST that comes."""
        return self.calls.get(timeout=seconds)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def signature_holds(call):
    mark = dict(p.split("=", 1) for p in call["headers"]["Evidence-Gateway-Signature"].split(","))
    wanted = hmac.new(WEBHOOK_SECRET.encode(), mark["t"].encode() + b"." + call["body"],
                      hashlib.sha256).hexdigest()
    return hmac.compare_digest(mark["v1"], wanted) and abs(int(mark["t"]) - time.time()) < 60
