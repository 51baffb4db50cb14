"""The program under test, started from outside: a development set-up in a folder of its own, the
server on free ports, and clients for it.

    EG_BIN          the program, with sanitizers in the development build
    EG_RELEASE_BIN  the program as installed, for what measures memory or time
    EG_BUILD        where logs of failed tests are kept (integration-logs/)

A test class derives from GatewayTest and talks to cls.gw. When it ends, the server is asked to
stop by SIGTERM and has to drain, exit with 0 and leave no sanitizer report.
"""

import datetime
import hashlib
import http.client
import io
import json
import os
import pathlib
import queue
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
START_SECONDS = 60
STOP_SECONDS = 60
REQUEST_SECONDS = 60
TOKEN_SECONDS = 3600


def program(release=False):
    path = os.environ.get("EG_RELEASE_BIN" if release else "EG_BIN")
    if release and not (path and os.access(path, os.X_OK)):
        path = os.environ.get("EG_BIN")  # slower and larger, but the same program
    if not path or not os.access(path, os.X_OK):
        raise RuntimeError("EG_BIN does not name the program under test")
    return path


def is_release():
    path = os.environ.get("EG_RELEASE_BIN")
    return bool(path and os.access(path, os.X_OK))


def long_campaign():
    return os.environ.get("EG_CAMPAIGN") == "long"


def now(offset=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def running(pid):
    """True if there is such a process and it has not ended."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The name of the refusal, or None if this is not a problem document."""
        if not self.headers.get("Content-Type", "").startswith("application/problem+json"):
            return None
        told = self.json
        if told.get("status") != self.status:
            raise AssertionError(f"status {self.status} but the problem says {told}")
        return told["type"].removeprefix("/problems/")

    def items(self):
        """The list of an answer that is one."""
        told = self.json
        if isinstance(told, list):
            return told
        lists = [v for v in told.values() if isinstance(v, list)]
        if len(lists) != 1:
            raise AssertionError(f"not a list: {told}")
        return lists[0]

    def next(self):
        """The target of rel="next", or None."""
        for link in self.headers.get_all("Link") or []:
            found = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', link)
            if found:
                return found.group(1)
        return None

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:600]!r}>"


class Session:
    """One connection that is kept alive, for one thread."""

    def __init__(self, gw, cert=None, timeout=REQUEST_SECONDS):
        self.gw, self.cert, self.timeout, self.connection = gw, cert, timeout, None

    def _open(self):
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", self.gw.port, timeout=self.timeout, context=self.gw.context(self.cert))
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method, path, token=None, body=None, headers=None):
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if self.connection is None:
            self._open()
        try:
            try:
                self.connection.request(method, path, body=body, headers=sent)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                if self.connection.sock is None:
                    raise
            told = self.connection.getresponse()
            answer = Answer(told.status, told.headers, told.read())
        except BaseException:
            self.close()
            raise
        if told.will_close:
            self.close()
        return answer

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Gateway:
    def __init__(self, release=False, folder=None):
        self.binary = program(release)
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="eg-it."))
        self.dir = self.folder / "gateway"
        self.config = self.dir / "gateway.conf"
        self.process = None
        self.port = self.ops_port = None
        self.starts = 0
        self.tokens, self.contexts = {}, {}
        self.lock = threading.Lock()

    # --- the set-up and the process --------------------------------------------------------

    def command(self, *argv, check=True, timeout=120, **options):
        done = subprocess.run([self.binary, *map(str, argv)], capture_output=True,
                              timeout=timeout, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv}: exit {done.returncode}\n"
                                 f"{done.stdout.decode(errors='replace')}\n"
                                 f"{done.stderr.decode(errors='replace')}")
        return done

    def init(self, clamd="none"):
        """`clamd`: the socket of one; without, nothing is inspected."""
        self.command("init", "--dir", self.dir, "--listen", "127.0.0.1:0",
                     "--ops-listen", "127.0.0.1:0", "--clamd", clamd)
        # The development set-up opens every claim to every assessor; tests are about the rule.
        return self.setting("policy.assessors_any_claim", False)

    def edit(self, file, pattern, replacement, count=0):
        """Changes a setting in a file of the set-up; it has to be there."""
        path = self.dir / file
        text, n = re.subn(pattern, replacement, path.read_text(), count=count, flags=re.M | re.S)
        if n == 0:
            raise AssertionError(f"{file}: nothing matches {pattern}")
        path.write_text(text)
        return self

    def setting(self, name, value):
        """Sets "group.key" in gateway.conf, whether it stands there or not."""
        group, key = name.split(".")
        text = json.dumps(value) if not isinstance(value, (list, tuple)) else \
            "[ " + ", ".join(map(json.dumps, value)) + " ]"
        whole = self.config.read_text()
        found = re.search(rf"^{group}\s*[:=]\s*\{{(.*?)^\}};?", whole, flags=re.M | re.S)
        if not found:
            self.config.write_text(f"{whole}\n{group}:\n{{\n  {key} = {text};\n}};\n")
            return self
        body = re.sub(rf"^[ \t]*{key}\s*[:=][^;]*;[^\n]*\n", "", found.group(1), flags=re.M)
        self.config.write_text(f"{whole[:found.start(1)]}\n  {key} = {text};{body}"
                               f"{whole[found.end(1):]}")
        return self

    def start(self, preexec=None, env=None):
        self.starts += 1
        self.err_path = self.folder / f"stderr.{self.starts}"
        lines = queue.Queue()
        with open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config", str(self.config)], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=err, preexec_fn=preexec,
                env={**os.environ, **(env or {})})

        def reader(stream):
            with stream:
                for line in stream:
                    lines.put(line.decode().rstrip("\n"))
            lines.put(None)
        threading.Thread(target=reader, args=(self.process.stdout,), daemon=True).start()
        deadline, said = time.monotonic() + START_SECONDS, []
        while True:
            try:
                line = lines.get(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                self.process.kill()
                raise AssertionError(f"not ready after {START_SECONDS} s; said {said}\n"
                                     f"{self.stderr()[-4000:]}") from None
            if line is None:
                raise AssertionError(f"ended with {self.process.wait()} before it was ready; "
                                     f"said {said}\n{self.stderr()[-4000:]}")
            said.append(line)
            if line.startswith("listening https://"):
                self.port = int(line.rsplit(":", 1)[1])
            elif line.startswith("operations http://"):
                self.ops_port = int(line.rsplit(":", 1)[1])
            elif line == "ready":
                break
        if self.port is None or self.ops_port is None:
            raise AssertionError(f"it did not say where it listens: {said}")
        return self

    def stderr(self):
        return "".join((self.folder / f"stderr.{n}").read_text(errors="replace")
                       for n in range(1, self.starts + 1)
                       if (self.folder / f"stderr.{n}").exists())

    def pids(self):
        """The process and everything it started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    children = pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text()
                    todo += map(int, children.split())
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def kill(self):
        """SIGKILL to the whole gateway at once, as an outage would; returns when all are gone."""
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(STOP_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        while any(map(running, pids)):
            if time.monotonic() > deadline:
                raise AssertionError("a killed process goes on")
            time.sleep(0.002)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM: it drains and exits with 0, and no sanitizer had anything to say."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"did not stop within {STOP_SECONDS} s of SIGTERM\n"
                                 f"{self.stderr()[-4000:]}") from None
        said = self.stderr()
        for mark in ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:"):
            if mark in said:
                at = said.index(mark)
                raise AssertionError(f"a sanitizer reported:\n{said[max(0, at - 200):at + 6000]}")
        if code != 0:
            raise AssertionError(f"exit status {code} after SIGTERM\n{said[-4000:]}")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep_logs(self, name):
        target = pathlib.Path(os.environ.get("EG_BUILD", "/tmp")) / "integration-logs" / name
        try:
            target.mkdir(parents=True, exist_ok=True)
            for log in self.folder.glob("stderr.*"):
                shutil.copy(log, target)
            if self.config.exists():
                shutil.copy(self.config, target)
        except OSError as e:
            return f"the logs could not be kept: {e}"
        return f"logs: {target}"

    # --- callers -----------------------------------------------------------------------------

    def token(self, role, subject, ttl=None):
        """Cached; one that was not asked to be short-lived is renewed in time."""
        key = (role, subject, ttl)
        with self.lock:
            token, made = self.tokens.get(key, (None, 0))
            if token is None or (ttl is None and time.monotonic() - made > TOKEN_SECONDS / 2):
                token = self.command("token", "--config", self.config, "--role", role,
                                     "--subject", subject, "--ttl", ttl or TOKEN_SECONDS
                                     ).stdout.decode().strip()
                self.tokens[key] = token, time.monotonic()
            return token

    def forge(self):
        import forge
        return forge.Issuer.of(self)

    @property
    def ca(self):
        for name in ("tls/ca.pem", "ca.pem", "tls/ca.crt", "ca/ca.pem"):
            if (self.dir / name).exists():
                return self.dir / name
        raise AssertionError(f"no CA certificate below {self.dir}")

    @property
    def vkey(self):
        return self.dir / "log.vkey"

    def client_certificate(self, word):
        """(certificate, key) of the development client whose file name has `word`."""
        for pem in sorted((self.dir / "clients").glob("*.pem")):
            if word in pem.stem and pem.with_suffix(".key").exists():
                return str(pem), str(pem.with_suffix(".key"))
        raise AssertionError(f"no client certificate for {word}")

    @property
    def gp_certificate(self):
        return self.client_certificate("surgery")

    def context(self, cert=None):
        """A client's TLS context: verifies the server, offers `cert` = (certificate, key)."""
        with self.lock:
            if cert not in self.contexts:
                context = ssl.create_default_context(cafile=str(self.ca))
                if cert:
                    context.load_cert_chain(*cert)
                self.contexts[cert] = context
            return self.contexts[cert]

    def socket(self, cert=None, timeout=REQUEST_SECONDS, context=None):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return (context or self.context(cert)).wrap_socket(plain, server_hostname="127.0.0.1")

    def request(self, method, path, token=None, body=None, headers=None, cert=None,
                timeout=REQUEST_SECONDS):
        with Session(self, cert, timeout) as session:
            return session.request(method, path, token, body, headers)

    def get(self, path, token=None, **options):
        return self.request("GET", path, token, **options)

    def post(self, path, token=None, body=None, **options):
        return self.request("POST", path, token, body, **options)

    def curl(self, path, *argv, token=None, method=None, data=None, timeout=120):
        """What the real curl got."""
        heads, body = self.folder / f"heads.{uuid.uuid4()}", self.folder / f"body.{uuid.uuid4()}"
        command = ["curl", "--silent", "--show-error", "--cacert", str(self.ca), "--max-time",
                   str(timeout), "--dump-header", str(heads), "--output", str(body)]
        if token:
            command += ["--header", f"Authorization: Bearer {token}"]
        if method:
            command += ["--request", method]
        if data is not None:
            source = self.folder / f"data.{uuid.uuid4()}"
            source.write_bytes(data)
            command += ["--data-binary", f"@{source}"]
        command += [*argv, f"https://127.0.0.1:{self.port}{path}"]
        done = subprocess.run(command, capture_output=True, timeout=timeout + 10)
        if done.returncode != 0:
            raise AssertionError(f"curl: exit {done.returncode}: {done.stderr.decode()}")
        blocks = [b for b in heads.read_bytes().split(b"\r\n\r\n") if b]
        first, _, rest = blocks[-1].partition(b"\r\n")
        headers = http.client.parse_headers(io.BytesIO(rest + b"\r\n\r\n"))
        answer = Answer(int(first.split()[1]), headers,
                        body.read_bytes() if body.exists() else b"")
        for path in (heads, body) + ((source,) if data is not None else ()):
            path.unlink(missing_ok=True)
        return answer

    def ops(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.ops_port, timeout=30)
        try:
            connection.request("GET", path)
            told = connection.getresponse()
            return Answer(told.status, told.headers, told.read())
        finally:
            connection.close()

    def metric(self, name):
        for line in self.ops("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"no metric {name}")

    def await_read(self, sock, seconds=60):
        """Until the server has taken from its kernel what was sent on a connection, so that
        nothing of it is lost however the connection ends."""
        server, client = f"{self.port:04X}", f"{sock.getsockname()[1]:04X}"

        def waiting():
            """What the client's kernel has not sent, and what the server's holds unread."""
            for line in pathlib.Path("/proc/net/tcp").read_text().split("\n")[1:]:
                fields = line.split()
                if len(fields) > 4:
                    ends = tuple(f.split(":")[1] for f in fields[1:3])
                    if ends in ((client, server), (server, client)):
                        yield int(fields[4].split(":")[ends == (server, client)], 16)
        deadline = time.monotonic() + seconds
        while (left := list(waiting())) != [0, 0]:
            if time.monotonic() > deadline:
                raise AssertionError(f"not read: {left}")
            time.sleep(0.005)

    # --- the domain --------------------------------------------------------------------------

    @property
    def system(self):
        return self.token("claims_system", "registry")

    @property
    def manager(self):
        return self.token("case_manager", "morgan")

    def claim_body(self, claimant="ada", **members):
        digits = "".join(random.choices("0123456789", k=6))
        return {
            "external_reference": f"EXT-{uuid.uuid4()}", "benefit": "pip",
            "claimant": {"subject": claimant, "name": f"Invented {claimant.title()}",
                         "date_of_birth": "1971-03-02", "nino": f"AB{digits}C"},
            "parties": [], "stage": "evidence", "special_rules": False, "assigned_to": [],
            **members}

    def create_claim(self, claimant="ada", **members):
        """A new claim's id."""
        answer = self.post("/v1/claims", self.system, self.claim_body(claimant, **members))
        if answer.status != 201:
            raise AssertionError(f"no claim: {answer}")
        return answer.json["id"]

    def party(self, subject, kind="appointee", role="representative", scope="full",
              since=-3600, until=None):
        return {"subject": subject, "role": role, "kind": kind, "scope": scope,
                "from": now(since), **({"until": now(until)} if until is not None else {})}

    def create_assessment(self, claim, token=None, channel="telephone"):
        answer = self.post(f"/v1/claims/{claim}/assessments", token or self.system,
                           {"channel": channel, "scheduled_at": now(-7200),
                            "provider": "Invented Assessments"})
        if answer.status != 201:
            raise AssertionError(f"no assessment: {answer}")
        return answer.json["id"]

    def choose(self, assessment, token, event, effective=None, event_id=None, session=None,
               **members):
        body = {"event_id": event_id or str(uuid.uuid4()), "event": event,
                "effective_at": effective or now(), "channel": "web", "notice_version": "2026-1",
                **members}
        asker = session or self
        return asker.request("POST", f"/v1/assessments/{assessment}/choice", token, body)

    def upload(self, claim, data, token=None, kind="further_evidence", media="application/pdf",
               filename="letter.pdf", params=None, headers=None, cert=None, session=None):
        query = urllib.parse.urlencode({"kind": kind, **(params or {})})
        sent = {"Content-Type": media, **(headers or {})}
        if filename is not None:
            sent.setdefault("Content-Disposition", "attachment; filename*=UTF-8''"
                            + urllib.parse.quote(filename, safe=""))
        path = f"/v1/claims/{claim}/artefacts?{query}"
        if session:
            return session.request("POST", path, token, data, sent)
        return self.request("POST", path, token, data, sent, cert=cert)

    def recording(self, assessment, started=-3000, stopped=-1200):
        """The parameters of an upload of audio; seconds from now."""
        return {"assessment": assessment, "recording_started_at": now(started),
                "recording_stopped_at": now(stopped)}

    def settled(self, artefact, token=None, seconds=30):
        """Its metadata once the inspection is over."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.get(f"/v1/artefacts/{artefact}", token or self.manager)
            if answer.status != 200:
                raise AssertionError(f"no metadata: {answer}")
            told = answer.json.get("artefact", answer.json)
            if told["status"] != "receiving" and not (
                    told["status"] == "quarantined"
                    and told.get("status_reason", "") in ("not-inspected",)):
                return told
            if time.monotonic() > deadline:
                return told
            time.sleep(0.05)

    def list_all(self, claim, token, limit=None, **filters):
        """Every artefact of every page."""
        query = urllib.parse.urlencode({**filters, **({"limit": limit} if limit else {})})
        path, found = f"/v1/claims/{claim}/artefacts" + (f"?{query}" if query else ""), []
        for _ in range(10000):
            answer = self.get(path, token)
            if answer.status != 200:
                raise AssertionError(f"{path}: {answer}")
            found += answer.items()
            path = answer.next()
            if path is None:
                return found
            path = re.sub(r"^https?://[^/]*", "", path)
        raise AssertionError("the pages do not end")

    def verify(self, receipt, data=None):
        """`evidence-gateway verify`: the finished process."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "receipt.tlog-proof").write_text(receipt)
        argv = ["verify", folder / "receipt.tlog-proof"]
        if data is not None:
            (folder / "evidence").write_bytes(data)
            argv.append(folder / "evidence")
        done = self.command(*argv, "--key", self.vkey, check=False)
        shutil.rmtree(folder)
        return done


def receipt_of(answer):
    """The receipt's text in an answer: a JSON member, or the text itself."""
    if answer.headers.get("Content-Type", "").startswith("application/json"):
        return answer.json["receipt"]
    return answer.body.decode()


def without_ids(answer):
    """What may be compared of two refusals: status, headers but Date, body with ids blanked."""
    headers = sorted((k.lower(), UUID.sub("ID", v)) for k, v in answer.headers.items()
                     if k.lower() not in ("date", "x-request-id", "request-id"))
    return answer.status, headers, UUID.sub("ID", answer.body.decode(errors="replace"))


def unknown_id():
    """A UUIDv7 that nobody has."""
    value = bytearray(uuid.uuid4().bytes)
    value[:6] = int(time.time() * 1000 - random.randrange(10 ** 6)).to_bytes(6, "big")
    value[6] = 0x70 | value[6] & 0x0f
    return str(uuid.UUID(bytes=bytes(value)))


class GatewayTest(unittest.TestCase):
    """One server for the class. `release`: the program as installed. `configure` may edit the
    files of the set-up before the start."""

    release = False
    maxDiff = None
    gw = None
    failed = False

    @classmethod
    def configure(cls, gw):
        pass

    @classmethod
    def prepare(cls, gw):
        pass

    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.gw = Gateway(cls.release)
        try:
            cls.gw.init()
            cls.configure(cls.gw)
            cls.gw.start()
            cls.prepare(cls.gw)
        except BaseException:
            cls.failed = True
            cls.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.close()

    @classmethod
    def close(cls):
        gw, cls.gw = cls.gw, None
        try:
            gw.stop()
        except BaseException:
            cls.failed = True
            raise
        finally:
            if cls.failed:
                print(f"{cls.__name__}: {gw.keep_logs(cls.__name__)}", flush=True)
            gw.remove()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            type(self).failed = True
        return result

    def expect(self, answer, status, problem=None):
        """`status` may be one or several; a refusal has to be a proper problem document."""
        wanted = (status,) if isinstance(status, int) else tuple(status)
        self.assertIn(answer.status, wanted, repr(answer))
        if answer.status >= 400 and answer.body:
            self.assertIsNotNone(answer.problem, f"not a problem document: {answer!r}")
        if problem is not None:
            names = (problem,) if isinstance(problem, str) else problem
            self.assertIn(answer.problem, names, repr(answer))
        return answer

    def assertSame(self, one, other, note=""):
        self.assertEqual(without_ids(one), without_ids(other), note)
