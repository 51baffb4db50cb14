"""Certificates of the development authority, and of others, made by the openssl command."""

import pathlib
import subprocess

CONFIG = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {certificate}
private_key = {key}
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = none
crl_extensions = crl
[any]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid:always
"""


def run(*argv):
    done = subprocess.run(["openssl", *map(str, argv)], capture_output=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"openssl {argv[0]}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """Issues, revokes and lists what it revoked. `of` takes over the development authority."""

    def __init__(self, folder, certificate=None, key=None, name="Foreign CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if certificate is None:
            certificate, key = self.folder / "ca.pem", self.folder / "ca.key"
            run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "30", "-subj", f"/CN={name}", "-keyout", key, "-out", certificate,
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.certificate, self.key, self.count = certificate, key, 0
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("4711AA01\n")
        (self.folder / "crlnumber").write_text("10\n")
        self.config = self.folder / "ca.conf"
        self.config.write_text(CONFIG.format(folder=self.folder, certificate=certificate, key=key))

    @classmethod
    def of(cls, gw):
        return cls(gw.folder / "authority", gw.dir / "ca.pem", gw.dir / "ca" / "ca.key")

    def issue(self, names, usage="clientAuth", start=None, end=None):
        """(certificate, key) paths; `names` in openssl's syntax: "URI:urn:x"."""
        self.count += 1
        base = self.folder / f"leaf{self.count}"
        key, request, made = (base.with_suffix(s) for s in (".key", ".csr", ".pem"))
        extensions = base.with_suffix(".ext")
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            f"extendedKeyUsage={usage}\nsubjectAltName={names}\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN=leaf{self.count}", "-keyout", key, "-out", request)
        dates = (["-startdate", start] if start else []) + (["-enddate", end] if end else [])
        run("ca", "-batch", "-notext", "-config", self.config, "-in", request, "-out", made,
            "-extfile", extensions, *dates)
        return str(made), str(key)

    def revoke(self, certificate):
        run("ca", "-config", self.config, "-revoke", certificate)

    def crl(self, out, days=30, **dates):
        argv = ["ca", "-gencrl", "-config", self.config, "-out", out]
        argv += ["-crldays", days] if not dates else []
        for name, value in dates.items():
            argv += [f"-crl_{name}", value]
        run(*argv)
