"""The peers: what else takes files over HTTPS, from Debian or npm, on loopback, in a temporary
folder. A peer that cannot be had is reported as such."""

import os
import pathlib
import shutil
import subprocess
import time

from processes import stop
from servers import Request, Server, Unavailable, certificate, free_port

TUS_PACKAGES = ["@tus/server@2.4.5", "@tus/file-store@2.1.1"]


def install_debian(programs, packages):
    if all(shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for p in programs):
        return
    argv = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    done = subprocess.run(argv, capture_output=True, text=True,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(argv)}: {done.stderr.strip()[-300:]}")


class Dav(Server):
    """Files by PUT and GET below /dav/."""

    def upload(self):
        return Request("/dav/u{n}.pdf", "PUT", ["Content-Type: application/pdf"])

    def stored(self, name, driver):
        driver(Request(f"/dav/{name}", "PUT", ["Content-Type: application/pdf"]))
        return Request(f"/dav/{name}")


class Nginx(Dav):
    name, words = "nginx-dav", "nginx WebDAV"
    programs, packages = ["nginx"], ["nginx-light"]

    def start(self):
        install_debian(self.programs, self.packages)
        self.port = self.port or free_port()
        files = self.files()
        (files / "dav").mkdir(parents=True, exist_ok=True)
        (files / "temp").mkdir(exist_ok=True)
        if not (self.folder / "server.pem").exists():
            certificate(self.folder)
        conf = self.folder / "nginx.conf"
        conf.write_text(f"""
user root; worker_processes auto; daemon off; pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000; client_max_body_size 0;
  client_body_temp_path {files}/temp; proxy_temp_path {self.folder}/t1;
  fastcgi_temp_path {self.folder}/t2; uwsgi_temp_path {self.folder}/t3;
  scgi_temp_path {self.folder}/t4;
  ssl_protocols TLSv1.3; ssl_certificate {self.folder}/server.pem;
  ssl_certificate_key {self.folder}/server.key; ssl_session_cache shared:tls:10m;
  server {{
    listen 127.0.0.1:{self.port} ssl; root {files};
    location / {{ dav_methods PUT; create_full_put_path on; }}
  }}
}}
""")
        self.spawn(["nginx", "-p", self.folder, "-e", self.folder / "error.log", "-c", conf],
                   env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        self.wait_for_port()

    def files(self):
        return self.folder / "files"


class NginxGocryptfs(Nginx):
    name, words = "nginx-gocryptfs", "nginx WebDAV on gocryptfs"
    seals = True
    packages = ["nginx-light", "gocryptfs", "fuse3"]
    programs = ["nginx", "gocryptfs", "fusermount3"]

    def start(self):
        install_debian(self.programs, self.packages)
        cipher, clear = self.folder / "cipher", self.folder / "clear"
        password = self.folder / "password"
        if not cipher.exists():
            cipher.mkdir()
            clear.mkdir()
            password.write_text("a password for this measurement\n")
            done = subprocess.run(["gocryptfs", "-q", "-init", "-scryptn", "10", "-passfile",
                                   password, cipher], capture_output=True, text=True)
            if done.returncode != 0:
                raise Unavailable(f"gocryptfs: {done.stderr.strip()[-300:]}")
        self.spawn(["gocryptfs", "-q", "-fg", "-nosyslog", "-passfile", password, cipher, clear])
        for _ in range(100):
            if os.path.ismount(clear):
                break
            time.sleep(0.1)
        else:
            self.stop()
            raise Unavailable(f"gocryptfs does not mount: {self.said()[-300:]}")
        super().start()

    def files(self):
        return self.folder / "clear" / "files"

    def stop(self):
        clear = self.folder / "clear"
        for process in reversed(self.processes[1:]):
            stop(process)
        if os.path.ismount(clear):
            subprocess.run(["fusermount3", "-u", clear], capture_output=True)
        self.processes = self.processes[:1]
        super().stop()


class Apache(Dav):
    name, words = "apache-dav", "Apache WebDAV"

    def start(self):
        install_debian(["apache2"], ["apache2"])
        self.port = self.port or free_port()
        (self.folder / "files" / "dav").mkdir(parents=True, exist_ok=True)
        if not (self.folder / "server.pem").exists():
            certificate(self.folder)
        modules = "\n".join(
            f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"
            for m in ("mpm_event", "authz_core", "dav", "dav_fs", "socache_shmcb", "ssl", "mime"))
        conf = self.folder / "apache.conf"
        conf.write_text(f"""
{modules}
ServerName localhost
Listen 127.0.0.1:{self.port} https
PidFile {self.folder}/apache.pid
ErrorLog {self.folder}/error.log
TypesConfig /etc/mime.types
DavLockDB {self.folder}/locks
DocumentRoot {self.folder}/files
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
LimitRequestBody 0
SSLEngine on
SSLProtocol TLSv1.3
SSLCertificateFile {self.folder}/server.pem
SSLCertificateKeyFile {self.folder}/server.key
SSLSessionCache shmcb:{self.folder}/tls(512000)
<Directory {self.folder}/files>
  Dav On
  Require all granted
</Directory>
""")
        self.spawn(["/usr/sbin/apache2", "-DFOREGROUND", "-f", conf])
        self.wait_for_port()


class Rclone(Dav):
    name, words = "rclone-crypt", "rclone WebDAV, crypt"
    seals = True

    def start(self):
        install_debian(["rclone"], ["rclone"])
        self.port = self.port or free_port()
        files, conf = self.folder / "files", self.folder / "rclone.conf"
        if not conf.exists():
            files.mkdir()
            certificate(self.folder)
            hidden = subprocess.run(["rclone", "obscure", "a password for this measurement"],
                                    capture_output=True, text=True, check=True).stdout.strip()
            conf.write_text(f"[sealed]\ntype = crypt\nremote = {files}\npassword = {hidden}\n")
            (files / "dav").mkdir()
        self.spawn(["rclone", "serve", "webdav", "sealed:", "--config", conf, "--addr",
                    f"127.0.0.1:{self.port}", "--cert", self.folder / "server.pem", "--key",
                    self.folder / "server.key", "--baseurl", "dav"])
        self.wait_for_port()


class Tus(Server):
    name, words = "tus-node", "@tus/server (Node.js)"
    downloads = False
    packages = None  # the folder with node_modules, set by tools/bench

    PROGRAM = """
import https from 'node:https';
import fs from 'node:fs';
import {Server} from '@tus/server';
import {FileStore} from '@tus/file-store';
const [folder, port] = process.argv.slice(2);
const tus = new Server({path: '/files', datastore: new FileStore({directory: folder + '/files'})});
https.createServer({key: fs.readFileSync(folder + '/server.key'),
                    cert: fs.readFileSync(folder + '/server.pem'), minVersion: 'TLSv1.3',
                    requestTimeout: 0}, (request, response) => tus.handle(request, response))
     .listen(Number(port), '127.0.0.1');
"""

    @classmethod
    def install(cls):
        if not shutil.which("npm"):
            raise Unavailable("there is no npm")
        folder = pathlib.Path(cls.packages)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "node_modules" / "@tus" / "server").exists():
            (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", *TUS_PACKAGES],
                                  cwd=folder, capture_output=True, text=True)
            if done.returncode != 0:
                raise Unavailable(f"npm install: {done.stderr.strip()[-300:]}")
        (folder / "server.mjs").write_text(cls.PROGRAM)

    def start(self):
        self.install()
        self.port = self.port or free_port()
        if not (self.folder / "files").exists():
            (self.folder / "files").mkdir()
            certificate(self.folder)
        self.spawn(["node", pathlib.Path(self.packages) / "server.mjs", self.folder,
                    str(self.port)])
        self.wait_for_port()

    def upload(self):
        """Creation with upload: the whole file in the request that makes it."""
        return Request("/files", "POST", ["Tus-Resumable: 1.0.0", "Upload-Length: {size}",
                                          "Content-Type: application/offset+octet-stream"])


PEERS = [Nginx, Apache, NginxGocryptfs, Rclone, Tus]
