"""Small files of each type, made from nothing: valid enough for any reader of that type."""

import base64
import io
import pathlib
import random
import struct
import subprocess
import tempfile
import wave
import zipfile
import zlib

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP////////////////////////////////////////////////////////"
    "//////////////////////////////2wBDAf//////////////////////////////////////////////////////"
    "////////////////////////////////wAARCAABAAEDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAf/"
    "xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EABQRAQAAAAAAAAAAAAAAAAAAAAD/"
    "2gAMAwEAAhEDEQA/AL+AD//Z")
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")


def pdf(text="a letter", pad=0):
    """A page of one line; `pad` bytes of a comment make it larger."""
    words = text.replace("\\", "").replace("(", "").replace(")", "")
    stream = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET".encode("latin-1", "replace")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>\nstream\n" % len(stream) + stream + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    if pad:
        filler = random.Random(pad).randbytes(pad // 2 + 1).hex().encode()[:pad]
        for at in range(0, pad, 120):
            out += b"%" + filler[at:at + 120] + b"\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)
    return bytes(out)


def jpeg(text=""):
    comment = text.encode()
    return JPEG[:2] + (b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
                       if comment else b"") + JPEG[2:]


def png():
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))


def tiff():
    entries = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
               (273, 4, 1, 8), (278, 3, 1, 1), (279, 4, 1, 1)]
    ifd = struct.pack("<H", len(entries))
    for tag, kind, count, value in entries:
        ifd += struct.pack("<HHI", tag, kind, count)
        ifd += struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value)
    return b"II*\0" + struct.pack("<I", 10) + b"\0\0" + ifd + struct.pack("<I", 0)


def wav(seconds=0.05, seed=0, rate=8000):
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(random.Random(seed).randbytes(2 * int(rate * seconds)))
    return out.getvalue()


def _crc(data, polynomial, bits):
    crc, top = 0, 1 << (bits - 1)
    for byte in data:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc = ((crc << 1) ^ polynomial if crc & top else crc << 1) & ((1 << bits) - 1)
    return crc


def flac(value=0):
    """4096 equal samples, mono, 16 bits, 8 kHz: one frame with a constant subframe."""
    info = struct.pack(">HH", 4096, 4096) + b"\0" * 6
    info += ((8000 << 44) | (0 << 41) | (15 << 36) | 4096).to_bytes(8, "big") + b"\0" * 16
    frame = bytes([0xff, 0xf8, 0xc4, 0x08, 0x00])
    frame += bytes([_crc(frame, 0x07, 8)]) + b"\0" + struct.pack(">h", value)
    frame += struct.pack(">H", _crc(frame, 0x8005, 16))
    return b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info + frame


def _ogg_page(payload, sequence, flags, granule):
    head = b"OggS" + struct.pack("<BBqIII", 0, flags, granule, 4711, sequence, 0)
    head += bytes([1, len(payload)])
    page = bytearray(head + payload)
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04c11db7 if crc & 0x80000000 else crc << 1) & 0xffffffff
    page[22:26] = struct.pack("<I", crc)
    return bytes(page)


def ogg():
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)
    return (_ogg_page(head, 0, 2, 0) + _ogg_page(tags, 1, 0, 0)
            + _ogg_page(b"\xf8\xff\xfe", 2, 4, 960))


def mp3(frames=10):
    return (b"\xff\xfb\x90\xc4" + b"\0" * 413) * frames


def _box(kind, data):
    return struct.pack(">I", len(data) + 8) + kind + data


def m4a():
    mvhd = _box(b"mvhd", b"\0" * 12 + struct.pack(">III", 1000, 0, 0x10000) + b"\x01\0" + b"\0" * 70
                + struct.pack(">I", 1))
    return (_box(b"ftyp", b"M4A \0\0\0\0M4A mp42isom") + _box(b"moov", mvhd)
            + _box(b"mdat", b"\0" * 16))


def heic():
    return (_box(b"ftyp", b"heic\0\0\0\0mif1heic") + _box(b"meta", b"\0" * 4 + _box(
        b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13)) + _box(b"mdat", b"\0" * 16))


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def docx():
    return zipped([
        ("[Content_Types].xml", '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.'
         'org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="'
         'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
         '</Types>'),
        ("_rels/.rels", '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.'
         'org/package/2006/relationships"/>'),
        ("word/document.xml", '<?xml version="1.0"?><w:document xmlns:w="http://schemas.'
         'openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>')])


def odt():
    return zipped([("mimetype", "application/vnd.oasis.opendocument.text"),
                   ("content.xml", "<office:document-content/>"),
                   ("META-INF/manifest.xml", "<manifest:manifest/>")])


def text(size, seed=0):
    """Exactly `size` bytes of plain words."""
    line = f"made-up statement {seed}, line of a letter that says nothing about anybody\n".encode()
    return (line * (size // len(line) + 1))[:size]


TYPES = {
    "application/pdf": pdf, "image/jpeg": jpeg, "image/png": png, "image/heic": heic,
    "image/tiff": tiff, "image/gif": lambda: GIF, "image/webp": lambda: WEBP,
    "text/plain": lambda: text(200), "application/vnd.oasis.opendocument.text": odt,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": docx,
    "audio/wav": wav, "audio/flac": flac, "audio/ogg": ogg, "audio/mpeg": mp3, "audio/mp4": m4a,
}


def locked_pdf(plain, word, bits="256"):
    """With a password, as qpdf makes them (which is among the tests' packages)."""
    with tempfile.TemporaryDirectory(prefix="eg-locked.") as folder:
        one, two = (pathlib.Path(folder) / name for name in ("plain.pdf", "locked.pdf"))
        one.write_bytes(plain)
        weak = ["--allow-weak-crypto"] if bits != "256" else []
        subprocess.run(["qpdf", *weak, "--encrypt", word, "owner", bits, "--", one, two], check=True)
        return two.read_bytes()
