"""What is measured: the gateway, and what a peer must be able to do."""

import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from processes import stop

START_SECONDS = 60
CLAIMS = 64
LIST_PAGES = 5
SMALL = 1024


class Unavailable(Exception):
    """This server cannot be measured here; the words say why."""


class Request:
    """What the load driver is to send."""

    def __init__(self, targets, method=None, headers=()):
        self.targets = [targets] if isinstance(targets, str) else list(targets)
        self.method, self.headers = method, list(headers)

    def argv(self, folder):
        argv = ["--method", self.method] if self.method else []
        for header in self.headers:
            argv += ["--header", header]
        if len(self.targets) == 1:
            return argv + ["--target", self.targets[0]]
        path = pathlib.Path(folder) / "targets"
        path.write_text("\n".join(self.targets) + "\n")
        return argv + ["--targets", str(path)]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def certificate(folder):
    """A certificate for loopback: the same kind of key for everybody."""
    pair = folder / "server.pem", folder / "server.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1,DNS:localhost", "-days", "2", "-keyout",
                    str(pair[1]), "-out", str(pair[0])], check=True, capture_output=True)
    return pair


class Server:
    """One server in a folder of its own. Life: new, start, (measure), stop, start, ..., remove."""

    name = words = None
    seals = False
    downloads = True

    def __init__(self, base):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}.", dir=base))
        self.processes, self.port = [], None

    def spawn(self, argv, **options):
        log = open(self.folder / f"output.{len(self.processes)}", "ab")
        with log:
            process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                       stdout=options.pop("stdout", log), stderr=log, **options)
        self.processes.append(process)
        return process

    def said(self):
        return "".join(p.read_text(errors="replace")[-2000:]
                       for p in sorted(self.folder.glob("output.*")))

    def wait_for_port(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(p.poll() is not None for p in self.processes):
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise Unavailable(f"{self.name} does not start: {self.said()[-600:]}")

    def roots(self):
        return [p.pid for p in self.processes]

    def stop(self):
        for process in reversed(self.processes):
            stop(process)
        self.processes = []

    def empty(self):
        """Gives the space back but keeps the files: creating files where many were just deleted
        costs several times as much, and the next run would pay for it."""
        self.stop()
        for folder, _, files in os.walk(self.folder):
            for name in files:
                os.truncate(os.path.join(folder, name), 0)

    # --- what differs -----------------------------------------------------------------------

    def start(self):
        raise NotImplementedError

    def upload(self):
        """The request that stores a body."""
        raise NotImplementedError

    def stored(self, name, driver):
        """The request that reads the object which `driver(request)` has stored."""
        raise NotImplementedError


def answer_of(port, method, path, token=None, body=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode())
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as e:
        raise Unavailable(f"{method} {path}: {e.code} {e.read()[:300]!r}") from e


class Gateway(Server):
    """The gateway as `init` sets it up."""

    name, words = "gateway", "evidence gateway"
    seals = True
    binary = fill_tool = None  # set by tools/bench

    def __init__(self, base):
        super().__init__(base)
        self.dir = self.folder / "gateway"
        self.tokens, self.claims, self.filled = {}, [], None

    def command(self, *argv):
        done = subprocess.run([self.binary, *map(str, argv)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"{argv[0]}: {done.stderr[-600:]}")
        return done.stdout.strip()

    def start(self):
        config = self.dir / "gateway.conf"
        if not config.exists():
            self.command("init", "--dir", self.dir, "--listen", "127.0.0.1:0", "--ops-listen",
                         "127.0.0.1:0")
            self.without_quotas(config)
        process = self.spawn([self.binary, "serve", "--config", config], stdout=subprocess.PIPE,
                             text=True)
        for line in process.stdout:
            if line.startswith("listening https://"):
                self.port = int(line.rsplit(":", 1)[1])
            if line.strip() == "ready":
                return
        self.stop()
        raise Unavailable(f"the gateway does not start: {self.said()[-600:]}")

    @staticmethod
    def without_quotas(config):
        """One person sends more here in a minute than anybody in a life."""
        text = config.read_text()
        limits = "".join(f"\n  quota_{name} = 0;" for name in (
            "person_bytes", "person_artefacts", "claim_bytes", "claim_artefacts"))
        if "\npolicy:\n{" not in text:
            raise Unavailable("the gateway's configuration has no policy")
        config.write_text(text.replace("\npolicy:\n{", "\npolicy:\n{" + limits, 1))

    def token(self, role, subject):
        key = role, subject
        if key not in self.tokens:
            self.tokens[key] = self.command("token", "--config", self.dir / "gateway.conf",
                                            "--role", role, "--subject", subject)
        return self.tokens[key]

    def authorization(self, role, subject):
        return f"Authorization: Bearer {self.token(role, subject)}"

    def claims_make(self):
        system = self.token("claims_system", "bench-claims")
        while len(self.claims) < CLAIMS:
            n = len(self.claims)
            told = answer_of(self.port, "POST", "/v1/claims", system, {
                "external_reference": f"BENCH-{n:04d}", "benefit": "pip",
                "claimant": {"subject": "bench-claimant", "name": "Avery Invented",
                             "date_of_birth": "1980-01-01", "nino": "AB123456C"},
                "stage": "evidence", "assigned_to": ["bench-manager"]})
            self.claims.append(told["id"])

    def upload(self):
        self.claims_make()
        return Request([f"/v1/claims/{claim}/artefacts?kind=further_evidence"
                        for claim in self.claims], "POST",
                       [self.authorization("claimant", "bench-claimant"),
                        "Content-Type: application/pdf",
                        "Content-Disposition: attachment; filename=\"letter.pdf\""])

    def stored(self, name, driver):
        """Sent to a claim of its own, then found in the claim's list once it may be read."""
        self.claims_make()
        claim = self.claims[len(name) % CLAIMS]
        manager = self.token("case_manager", "bench-manager")
        request = self.upload()
        request.targets = [f"/v1/claims/{claim}/artefacts?kind=further_evidence"]
        driver(request)
        deadline = time.monotonic() + START_SECONDS
        while True:
            newest = answer_of(self.port, "GET", f"/v1/claims/{claim}/artefacts?limit=1",
                               manager)["artefacts"][0]
            if newest["status"] == "available":
                break
            if time.monotonic() > deadline:
                raise Unavailable(f"the stored object stays {newest['status']}")
            time.sleep(0.1)
        return Request(f"/v1/artefacts/{newest['id']}/content?purpose=decision",
                       headers=[self.authorization("case_manager", "bench-manager")])

    def fill(self, artefacts):
        """A database of so many artefacts, made by the project's own code; not while it runs."""
        done = subprocess.run([self.fill_tool, self.dir / "gateway.conf", str(artefacts)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"fill_database: {done.stderr[-600:]}")
        self.filled = done.stdout.split()[-1]

    def listing(self):
        """All pages of the claim that `fill` made: 200 rows each."""
        path, pages = f"/v1/claims/{self.filled}/artefacts?limit=200", []
        while path:
            told = answer_of(self.port, "GET", path,
                             self.token("case_manager", "bench-manager"))
            pages.append(path)
            cursor = told.get("next")
            path = cursor and (f"/v1/claims/{self.filled}/artefacts?limit=200&cursor={cursor}")
        if len(pages) < LIST_PAGES:
            raise Unavailable(f"the claim has {len(pages)} pages")
        return Request(pages[:LIST_PAGES],
                       headers=[self.authorization("case_manager", "bench-manager")])
