#!/usr/bin/env python3
"""Makes the corpus of the inspector: good and malformed files of every allowed type, each with the
outcome that it must have.

usage: make_corpus.py FOLDER        (writes the files and FOLDER/corpus.json)

Everything is made here, from nothing or with Debian's tools (ffmpeg, imagemagick, heif-enc, qpdf,
7z); nothing is fetched. Expected fields beside `outcome` are compared when they are given."""

import io
import json
import math
import pathlib
import random
import struct
import subprocess
import sys
import zipfile
import zlib

OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = OOXML + "wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
DOC = "application/msword"
CLEAN, PASSWORD, UNREADABLE = "clean", "password", "unreadable"
MISMATCH, NOT_SCANNED = "type-mismatch", "could-not-scan"


class Corpus:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.cases = []

    def add(self, name, declared, data, outcome, **expected):
        path = self.folder / name
        if data is not None:
            path.write_bytes(data)
        assert path.exists() and all(c["file"] != name for c in self.cases), name
        self.cases.append({"file": name, "type": declared, "outcome": outcome, **expected})

    def read(self, name):
        return (self.folder / name).read_bytes()

    def run(self, *argv):
        subprocess.run([str(a) for a in argv], cwd=self.folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


# ---- PDF ----

def pdf(objects, root=1, version="1.4", tail=b""):
    """`objects`: bodies, numbered from 1."""
    out = io.BytesIO()
    out.write(f"%PDF-{version}\n%\xe2\xe3\n".encode("latin-1"))
    at = []
    for number, body in enumerate(objects, 1):
        at.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    xref = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    for offset in at:
        out.write(f"{offset:010} 00000 n \n".encode())
    out.write(f"trailer\n<</Size {len(objects) + 1}/Root {root} 0 R{tail.decode()}>>\n"
              f"startxref\n{xref}\n%%EOF\n".encode())
    return out.getvalue()


def stream(data, extra=b""):
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), extra, data)


def pages_pdf(n=1, catalog=b"", page=b"", more=()):
    """A document of `n` pages with one line of text; `more` are further objects."""
    first_page = 4
    kids = b" ".join(b"%d 0 R" % (first_page + i) for i in range(n))
    objects = [b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
               b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, n),
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    content = first_page + n
    objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
                b"/Resources<</Font<</F 3 0 R>>>>%s>>" % (content, page)] * n
    objects.append(stream(b"BT /F 24 Tf 72 700 Td (A made-up statement) Tj ET"))
    objects += list(more)
    return pdf(objects)


def pdfs(c):
    kind = "application/pdf"
    good = pages_pdf(3)
    c.add("good.pdf", kind, good, CLEAN, pages=3, flags=[])
    c.add("one-page.pdf", kind, pages_pdf(), CLEAN, pages=1)
    c.add("hundred-pages.pdf", kind, pages_pdf(100), CLEAN, pages=100)
    c.add("javascript.pdf", kind, pages_pdf(catalog=b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>"), CLEAN,
          flags=["active"])
    c.add("javascript-escaped.pdf", kind, pages_pdf(catalog=b"/OpenAction<</S/J#61vaScript/J#53(x)>>"),
          "virus", flags=["active"])  # clamd's own heuristic
    c.add("launch.pdf", kind, pages_pdf(page=b"/AA<</O<</S/Launch/F(cmd.exe)>>>>"), CLEAN, flags=["active"])
    c.add("submit.pdf", kind, pages_pdf(page=b"/Annots[<</Type/Annot/Subtype/Link/A<</S/SubmitForm/F(x)>>>>]"),
          CLEAN, flags=["active"])
    c.add("xfa.pdf", kind, pages_pdf(catalog=b"/AcroForm<</XFA(x)>>"), CLEAN, flags=["active"])
    c.add("rich-media.pdf", kind, pages_pdf(page=b"/Annots[<</Type/Annot/Subtype/RichMedia>>]"), CLEAN,
          flags=["active"])
    c.add("open-at-page.pdf", kind, pages_pdf(catalog=b"/OpenAction[4 0 R/Fit]"), CLEAN, flags=[])
    c.add("link.pdf", kind, pages_pdf(page=b"/Annots[<</Type/Annot/Subtype/Link/A<</S/URI/URI(x)>>>>]"), CLEAN,
          flags=[])
    c.add("form.pdf", kind, pages_pdf(catalog=b"/AcroForm<</Fields[]>>"), CLEAN, flags=[])
    names = b"/Names<</EmbeddedFiles<</Names[(a.txt)<</Type/Filespec/EF<</F 6 0 R>>>>]>>>>"
    c.add("attachment.pdf", kind, pages_pdf(catalog=names, more=[stream(b"made up", b"/Type/EmbeddedFile")]), CLEAN,
          flags=["embedded"])
    (c.folder / "tmp.pdf").write_bytes(pages_pdf(catalog=b"/OpenAction<</S/JavaScript/JS(1)>>"))
    c.run("qpdf", "--object-streams=generate", "tmp.pdf", "javascript-hidden.pdf")
    c.add("javascript-hidden.pdf", kind, None, CLEAN, flags=["active"])
    c.run("qpdf", "--encrypt", "user", "owner", "256", "--", "good.pdf", "password-256.pdf")
    c.run("qpdf", "--allow-weak-crypto", "--encrypt", "user", "owner", "40", "--", "good.pdf", "password-40.pdf")
    c.run("qpdf", "--allow-weak-crypto", "--encrypt", "user", "owner", "128", "--", "good.pdf", "password-128.pdf")
    c.run("qpdf", "--encrypt", "", "owner", "256", "--", "good.pdf", "owner-only.pdf")
    for bits in 40, 128, 256:
        c.add(f"password-{bits}.pdf", kind, None, PASSWORD)
    c.add("owner-only.pdf", kind, None, CLEAN, flags=["encrypted"], pages=3)
    c.run("qpdf", "--linearize", "good.pdf", "linear.pdf")
    c.add("linear.pdf", kind, None, CLEAN, pages=3)
    c.add("no-xref.pdf", kind, good[:good.index(b"xref\n0")], UNREADABLE)
    c.add("wrong-xref.pdf", kind, good.replace(b"startxref\n", b"startxref\n9"), CLEAN, flags=["damaged"])
    c.add("trailing-bytes.pdf", kind, good + b"\0" * 500, CLEAN)
    c.add("cut.pdf", kind, good[:300], UNREADABLE)
    c.add("header-only.pdf", kind, b"%PDF-1.7\n", UNREADABLE)
    c.add("noise.pdf", kind, b"%PDF-1.7\n" + random.Random(1).randbytes(5000), UNREADABLE)
    c.add("no-pages.pdf", kind, pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]), UNREADABLE)
    c.add("page-loop.pdf", kind, pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 1>>"]),
          UNREADABLE)
    c.add("deep.pdf", kind, pages_pdf(catalog=b"/X" + b"[" * 400 + b"]" * 400), CLEAN)
    c.add("too-deep.pdf", kind, pages_pdf(catalog=b"/X" + b"[" * 20000 + b"]" * 20000), None)
    c.add("reference-loop.pdf", kind, pages_pdf(more=[b"7 0 R", b"6 0 R"], catalog=b"/X 6 0 R"), None)
    c.add("huge-number.pdf", kind, pages_pdf(catalog=b"/X 99999999999999999999"), None)
    c.add("html.pdf", kind, b"<html><body>not a PDF</body></html>", MISMATCH)
    c.add("polyglot.pdf", kind, b"%PDF-1.7\n<!DOCTYPE html><html><script>alert(1)</script></html>", UNREADABLE)


# ---- pictures ----

def png_chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(width, height, rows=None, depth=8, colour=2, interlace=0, extra=b""):
    bits = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * depth
    line = b"\0" + b"\x55" * ((width * bits + 7) // 8)
    body = zlib.compress(line * (height if rows is None else rows))
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0,
                                                                   interlace))
            + extra + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b""))


def pngs(c):
    kind = "image/png"
    palette = png_chunk(b"PLTE", b"\0\0\0\xff\xff\xff" + b"\x40" * 762)
    c.add("rgb.png", kind, png(64, 48), CLEAN, width=64, height=48, flags=[])
    for colour, depth in ((0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 16), (4, 8), (4, 16), (6, 8), (6, 16)):
        c.add(f"colour-{colour}-{depth}.png", kind, png(33, 17, depth=depth, colour=colour), CLEAN, width=33)
    for depth in (1, 2, 4, 8):
        c.add(f"palette-{depth}.png", kind, png(33, 17, depth=depth, colour=3, extra=palette if depth == 8 else
              png_chunk(b"PLTE", b"\1\2\3" * (1 << depth))), CLEAN, height=17)
    c.run("convert", "-size", "320x200", "plasma:", "-interlace", "PNG", "interlaced.png")
    c.add("interlaced.png", kind, None, CLEAN, width=320)
    good = png(64, 48)
    noise = random.Random(2).randbytes(3 * 64 * 48 + 48)
    lines = b"".join(b"\0" + noise[i * 192:i * 192 + 192] for i in range(48))
    full = (good[:33] + png_chunk(b"IDAT", zlib.compress(lines)) + png_chunk(b"IEND", b""))
    c.add("noise.png", kind, full, CLEAN)
    c.add("cut-half.png", kind, full[:len(full) // 2], CLEAN, flags=["damaged"])
    c.add("cut-head.png", kind, full[:40], UNREADABLE)
    c.add("wrong-crc-head.png", kind, good[:29] + b"\0\0\0\0" + good[33:], UNREADABLE)
    c.add("few-rows.png", kind, png(64, 48, rows=20), CLEAN, flags=["damaged"])
    c.add("no-rows.png", kind, png(64, 48, rows=0), UNREADABLE)
    c.add("zero-width.png", kind, png(0, 48, rows=1), UNREADABLE)
    c.add("flood.png", kind, png(60000, 60000, rows=10), NOT_SCANNED, reason="bounds")
    c.add("flood-wide.png", kind, png(900000, 1, depth=1, colour=0), NOT_SCANNED, reason="bounds")
    c.add("flood-side.png", kind, png(0x7fffffff, 1, rows=0), UNREADABLE)
    c.add("flood-interlaced.png", kind, png(16000, 16000, rows=10, interlace=1), NOT_SCANNED, reason="bounds")
    c.add("text-bomb.png", kind, png(8, 8, extra=png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 30000000))), CLEAN)
    c.add("wrong-filter.png", kind, good[:33] + png_chunk(b"IDAT", zlib.compress(b"\x09" + b"a" * 192)) +
          png_chunk(b"IEND", b""), UNREADABLE)
    c.add("jpeg-inside.png", kind, b"\xff\xd8\xff\xe0" + b"\0" * 100, MISMATCH)


def jpegs(c):
    kind = "image/jpeg"
    c.run("convert", "-size", "640x480", "plasma:", "-quality", "90", "photo.jpg")
    good = c.read("photo.jpg")
    c.add("photo.jpg", kind, None, CLEAN, width=640, height=480, flags=[])
    for name, options in {"grey": ["-colorspace", "Gray"], "progressive": ["-interlace", "JPEG"],
                          "cmyk": ["-colorspace", "CMYK"], "sampled": ["-sampling-factor", "4:1:1"],
                          "small": ["-resize", "1x1!"], "odd": ["-resize", "641x479!"]}.items():
        c.run("convert", "photo.jpg", *options, f"{name}.jpg")
        c.add(f"{name}.jpg", kind, None, CLEAN)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    c.add("turned.jpg", kind, good[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + good[2:], CLEAN)
    wild = b"Exif\0\0MM\0*\xff\xff\xff\xf0" + b"\0" * 20
    c.add("wild-exif.jpg", kind, good[:2] + b"\xff\xe1" + struct.pack(">H", len(wild) + 2) + wild + good[2:], CLEAN)
    c.add("cut-half.jpg", kind, good[:len(good) // 2], CLEAN, flags=["damaged"])
    c.add("cut-head.jpg", kind, good[:100], UNREADABLE)
    c.add("start-only.jpg", kind, b"\xff\xd8\xff\xe0", UNREADABLE)
    sof = good.index(b"\xff\xc0")
    c.add("zero-height.jpg", kind, good[:sof + 5] + b"\0\0" + good[sof + 7:], UNREADABLE)
    c.add("flood.jpg", kind, good[:sof + 5] + b"\xff\x00\xff\x00" + good[sof + 9:], NOT_SCANNED, reason="bounds")
    c.add("taller.jpg", kind, good[:sof + 5] + b"\x10\x00" + good[sof + 7:], CLEAN, flags=["damaged"])
    c.add("no-components.jpg", kind, good[:sof + 9] + b"\0" + good[sof + 10:], UNREADABLE)
    zeros = bytearray(good)
    zeros[len(good) // 3:len(good) // 2] = b"\0" * (len(good) // 2 - len(good) // 3)
    c.add("hole.jpg", kind, bytes(zeros), CLEAN)
    c.add("trailing.jpg", kind, good + b"trailing" * 100, CLEAN)
    progressive = c.read("progressive.jpg")
    scan = progressive[progressive.rindex(b"\xff\xda"):-2]
    c.add("many-scans.jpg", kind, progressive[:-2] + scan * 500 + b"\xff\xd9", NOT_SCANNED, reason="bounds")
    c.add("png-inside.jpg", kind, png(4, 4), MISMATCH)


def other_pictures(c):
    for ext, kind in (("gif", "image/gif"), ("webp", "image/webp"), ("tiff", "image/tiff"), ("heic", "image/heic")):
        if ext == "heic":
            c.run("heif-enc", "photo.jpg", "-o", "photo.heic")
        else:
            c.run("convert", "photo.jpg", f"photo.{ext}")
        good = c.read(f"photo.{ext}")
        c.add(f"photo.{ext}", kind, None, CLEAN, width=640, height=480, flags=[])
        c.add(f"cut-half.{ext}", kind, good[:len(good) // 2], {"gif": CLEAN}.get(ext, UNREADABLE)
              if ext != "gif" else UNREADABLE)
        c.add(f"cut-head.{ext}", kind, good[:64], UNREADABLE)
        hole = bytearray(good)
        hole[40:len(good) // 2] = bytes(len(good) // 2 - 40)
        c.add(f"hole.{ext}", kind, bytes(hole), None)
        noise = bytearray(good)
        noise[60:] = random.Random(3).randbytes(len(good) - 60)
        c.add(f"noise.{ext}", kind, bytes(noise), None)
        c.add(f"as-jpeg.{ext}", "image/jpeg", good, MISMATCH)
    c.run("convert", "-size", "40x30", "xc:red", "xc:blue", "xc:green", "-loop", "0", "animated.gif")
    c.add("animated.gif", "image/gif", None, CLEAN, flags=["animated"])
    gif = c.read("animated.gif")
    c.add("no-end.gif", "image/gif", gif[:-1], CLEAN, flags=["damaged", "animated"])
    c.add("empty-screen.gif", "image/gif", b"GIF89a\x10\0\x10\0\0\0\0;", UNREADABLE)
    flood = b"GIF89a\x10\0\x10\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;"
    c.add("flood.gif", "image/gif", flood, NOT_SCANNED, reason="bounds")
    c.run("convert", "-size", "40x30", "xc:red", "xc:blue", "-loop", "0", "animated.webp")
    c.add("animated.webp", "image/webp", None, CLEAN, flags=["animated"])
    c.run("convert", "photo.jpg", "-define", "webp:lossless=true", "lossless.webp")
    c.add("lossless.webp", "image/webp", None, CLEAN)
    webp = c.read("photo.webp")
    c.add("flood.webp", "image/webp", webp[:26] + b"\xff\x3f\xff\x3f" + webp[30:], NOT_SCANNED, reason="bounds")
    for method in ("LZW", "Zip", "JPEG", "Group4", "RLE", "None"):
        c.run("convert", "photo.jpg", *(["-monochrome"] if method == "Group4" else []), "-compress", method,
              f"{method.lower()}.tiff")
        c.add(f"{method.lower()}.tiff", "image/tiff", None, CLEAN, pages=1)
    c.run("convert", "photo.jpg", "photo.jpg", "photo.jpg", "pages.tiff")
    c.add("pages.tiff", "image/tiff", None, CLEAN, pages=3)
    c.add("loop.tiff", "image/tiff", tiff_loop(), UNREADABLE)
    c.add("flood.tiff", "image/tiff", tiff_flood(), NOT_SCANNED, reason="bounds")
    c.add("no-entries.tiff", "image/tiff", b"II*\0\x08\0\0\0\0\0\0\0\0\0", UNREADABLE)
    c.run("heif-enc", "-q", "30", "odd.jpg", "-o", "odd.heic")
    c.add("odd.heic", "image/heic", None, CLEAN)
    c.add("brand-only.heic", "image/heic", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", UNREADABLE)


def tiff_loop():
    """A directory whose next one is itself, and that has no picture."""
    return b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 256, 4, 1, 16) + b"\x08\0\0\0"


def tiff_flood():
    tags = [(256, 4, 1, 0x20000), (257, 4, 1, 0x20000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 0x20000), (279, 4, 1, 100)]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags) + \
        b"\0\0\0\0" + b"\0" * 200


# ---- audio ----

def wav(frames=8000, rate=8000, channels=1, bits=16, tag=1, size=None, block=None, data=None):
    if data is None:
        one = [math.sin(i / 10) for i in range(frames)]
        if tag == 3:
            data = b"".join(struct.pack("<f", s) * channels for s in one)
        elif bits == 8:
            data = bytes(int(128 + 100 * s) for s in one for _ in range(channels))
        elif bits == 16:
            data = b"".join(struct.pack("<h", int(30000 * s)) * channels for s in one)
        else:
            data = b"".join(struct.pack("<i", int(2e9 * s))[4 - bits // 8:] * channels for s in one)
    block = channels * bits // 8 if block is None else block
    size = len(data) if size is None else size
    fmt = struct.pack("<HHIIHH", tag, channels, rate & 0xffffffff, (rate * block) & 0xffffffff, block, bits)
    return (b"RIFF" + struct.pack("<I", (36 + size) & 0xffffffff) + b"WAVEfmt " + struct.pack("<I", 16) + fmt +
            b"data" + struct.pack("<I", size & 0xffffffff) + data)


def wavs(c):
    kind = "audio/wav"
    c.add("tone.wav", kind, wav(), CLEAN, duration_ms=1000, channels=1, rate=8000, n_peaks=1000, flags=[])
    c.add("stereo.wav", kind, wav(channels=2, rate=48000, frames=48000), CLEAN, duration_ms=1000, channels=2)
    for bits in (8, 24, 32):
        c.add(f"bits-{bits}.wav", kind, wav(bits=bits), CLEAN, duration_ms=1000)
    c.add("float.wav", kind, wav(bits=32, tag=3), CLEAN, duration_ms=1000)
    c.add("six-channels.wav", kind, wav(channels=6), CLEAN, channels=6)
    c.add("short.wav", kind, wav(frames=3), CLEAN, n_peaks=1000)
    c.add("silence.wav", kind, wav(data=b"\0" * 16000), CLEAN, peaks=[0] * 1000)
    c.add("full-scale.wav", kind, wav(data=b"\x00\x80" * 8000), CLEAN, peaks=[65535] * 1000)
    c.add("streamed.wav", kind, wav(size=0xffffffff), CLEAN, duration_ms=1000, flags=[])
    c.add("cut.wav", kind, wav(frames=80000)[:40000], CLEAN, flags=["damaged"])
    c.add("empty.wav", kind, wav(data=b""), UNREADABLE)
    c.add("head-only.wav", kind, wav()[:36], UNREADABLE)
    c.add("four-gigabyte-chunk.wav", kind, b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff" + b"\1\0\1\0" * 20, UNREADABLE)
    c.add("no-channels.wav", kind, wav(channels=0, data=b"\0" * 1000, block=0), UNREADABLE)
    c.add("huge-rate.wav", kind, wav(rate=1 << 31), UNREADABLE)
    c.add("zero-rate.wav", kind, wav(rate=0), UNREADABLE)
    c.add("channels-65535.wav", kind, wav(channels=65535, data=b"\0" * 1000, block=2), UNREADABLE)
    c.add("unknown-codec.wav", kind, wav(tag=0x7777), UNREADABLE)
    c.add("zero-block.wav", kind, wav(block=0), None)
    c.add("no-format.wav", kind, b"RIFF\x24\0\0\0WAVEdata\x10\0\0\0" + b"\0" * 16, UNREADABLE)
    c.add("avi.wav", kind, b"RIFF\x24\0\0\0AVI LIST" + b"\0" * 60, MISMATCH)
    c.add("declared-flac.wav", "audio/flac", wav(), MISMATCH)


def other_audio(c):
    (c.folder / "base.wav").write_bytes(wav(frames=2 * 44100, rate=44100, channels=2))
    kinds = {"flac": ("audio/flac", []), "ogg": ("audio/ogg", ["-c:a", "libvorbis"]),
             "opus": ("audio/ogg", ["-c:a", "libopus"]), "mp3": ("audio/mpeg", ["-c:a", "libmp3lame"]),
             "m4a": ("audio/mp4", []), "fast.m4a": ("audio/mp4", ["-movflags", "+faststart"]),
             "alac.m4a": ("audio/mp4", ["-c:a", "alac"]), "speex.ogg": ("audio/ogg", ["-ac", "1", "-ar", "16000",
                                                                                     "-c:a", "libspeex"])}
    for ext, (kind, options) in kinds.items():
        name = f"tone.{ext}"
        c.run("ffmpeg", "-y", "-i", "base.wav", *options, "-flags", "+bitexact", name)
        good = c.read(name)
        c.add(name, kind, None, CLEAN, channels=1 if "speex" in ext else 2, n_peaks=1000)
        cut = good[:len(good) * 2 // 3]
        late_table = ext in ("m4a", "alac.m4a")
        c.add(f"cut.{ext}", kind, cut, {"ogg": None}.get(ext, UNREADABLE if late_table else CLEAN))
        c.add(f"head.{ext}", kind, good[:48], UNREADABLE)
        noise = bytearray(good)
        start = min(400, len(noise) // 8)
        noise[start:] = random.Random(4).randbytes(len(noise) - start)
        c.add(f"noise.{ext}", kind, bytes(noise), None)
        hole = bytearray(good)
        hole[len(hole) // 2:len(hole) // 2 + 600] = bytes(600)
        c.add(f"hole.{ext}", kind, bytes(hole), None)
    mp3 = c.read("tone.mp3")
    big_tag = b"ID3\x04\0\0" + bytes([0, 0x7f, 0x7f, 0x7f]) + bytes(0x1fffff)
    c.add("giant-tag.mp3", "audio/mpeg", big_tag + mp3, CLEAN)
    c.add("endless-tag.mp3", "audio/mpeg", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"\0" * 5000, UNREADABLE)
    c.run("ffmpeg", "-y", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-i", "base.wav", "-c:v", "mpeg4", "video.mp4")
    c.add("video.mp4", "audio/mp4", None, MISMATCH)
    c.run("ffmpeg", "-y", "-i", "base.wav", "-i", "small.jpg", "-map", "0", "-map", "1", "-c:v", "mjpeg",
          "-disposition:v", "attached_pic", "-vf", "scale=16:16", "cover.m4a")
    c.add("cover.m4a", "audio/mp4", None, CLEAN)
    c.add("no-tables.m4a", "audio/mp4", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"\0\0\0\x10mdat" + b"\0" * 8, UNREADABLE)
    c.add("box-loop.m4a", "audio/mp4", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"\0\0\0\0moov" * 50, UNREADABLE)


# ---- office documents, archives ----

def zipped(members, encrypt=False, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name) if name == "mimetype" else name, data)
    data = bytearray(out.getvalue())
    if encrypt:
        for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            i = data.find(mark)
            while i >= 0:
                data[i + at] |= 1
                i = data.find(mark, i + 4)
    return bytes(data)


def docx(main="wordprocessingml.document.main+xml", body=b"<w:document/>", more=(), first=None):
    types = b'<Types><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.' + \
        main.encode() + b'"/></Types>'
    return [*(first or []), ("[Content_Types].xml", types), ("_rels/.rels", b"<Relationships/>"),
            ("word/document.xml", body), *more]


def odt(manifest=b"<manifest:manifest/>", more=(), kind=ODT):
    return [("mimetype", kind.encode()), ("content.xml", b"<office:document-content/>"),
            ("META-INF/manifest.xml", manifest), *more]


def cut_member(data):
    """The compressed bytes of the first member are noise."""
    data = bytearray(data)
    name, extra = struct.unpack_from("<HH", data, 26)
    at = 30 + name + extra
    data[at:at + 20] = random.Random(5).randbytes(20)
    return bytes(data)


def offices(c):
    good = zipped(docx(body=b"<w:document>" + b"text " * 500 + b"</w:document>"))
    c.add("letter.docx", DOCX, good, CLEAN, members=3, flags=[])
    c.add("stored.docx", DOCX, zipped(docx(), method=zipfile.ZIP_STORED), CLEAN, members=3)
    c.add("disordered.docx", DOCX, zipped(list(reversed(docx()))), CLEAN)
    c.add("macros.docx", DOCX, zipped(docx(more=[("word/vbaProject.bin", b"x")])), CLEAN, flags=["macros"])
    c.add("macro-enabled.docx", DOCX, zipped(docx(main="ms-word.document.macroEnabled.main+xml").__class__(
        [("[Content_Types].xml", b'ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"'),
         ("word/document.xml", b"<w/>"), ("word/vbaProject.bin", b"x")])), MISMATCH, flags=["macros"])
    c.add("embedded.docx", DOCX, zipped(docx(more=[("word/embeddings/oleObject1.bin", b"x")])), CLEAN, flags=["embedded"])
    c.add("template.docx", DOCX, zipped(docx(more=[("word/_rels/settings.xml.rels",
          b'<Relationship Type="http://x/attachedTemplate" Target="http://x" TargetMode="External"/>')])), CLEAN,
          flags=["active"])
    c.add("activex.docx", DOCX, zipped(docx(more=[("word/activeX/activeX1.xml", b"x")])), CLEAN, flags=["active"])
    c.add("dde.docx", DOCX, zipped(docx(body=b"<w:instrText>DDEAUTO c:\\\\x</w:instrText>")), CLEAN, flags=["active"])
    c.add("link.docx", DOCX, zipped(docx(more=[("word/_rels/document.xml.rels",
          b'<Relationship Type="http://x/hyperlink" Target="http://x" TargetMode="External"/>')])), CLEAN, flags=[])
    c.add("no-body.docx", DOCX, zipped(docx()[:2]), UNREADABLE)
    c.add("cut.docx", DOCX, good[:len(good) // 2], None)
    c.add("noise.docx", DOCX, cut_member(good), None)
    c.add("encrypted-members.docx", DOCX, zipped(docx(), encrypt=True), PASSWORD)
    c.add("plain.docx", DOCX, zipped([("a.txt", b"a")]), MISMATCH)
    c.add("sheet.docx", DOCX, zipped([("[Content_Types].xml", b"spreadsheetml.sheet.main+xml"), ("xl/workbook.xml", b"<x/>")]),
          MISMATCH)
    c.add("bomb.docx", DOCX, zipped(docx(more=[("word/media/a.bin", bytes(513 << 20))])), NOT_SCANNED)
    c.add("many.docx", DOCX, zipped(docx(more=[(f"word/{i}", b"") for i in range(20001)])), NOT_SCANNED, reason="bounds")
    good = zipped(odt())
    c.add("letter.odt", ODT, good, CLEAN, members=3, flags=[])
    c.add("basic.odt", ODT, zipped(odt(more=[("Basic/Standard/Module1.xml", b"x")])), CLEAN, flags=["macros"])
    c.add("scripts.odt", ODT, zipped(odt(more=[("Scripts/python/a.py", b"x")])), CLEAN, flags=["macros"])
    c.add("object.odt", ODT, zipped(odt(more=[("Object 1/content.xml", b"x")])), CLEAN, flags=["embedded"])
    c.add("password.odt", ODT, zipped(odt(b'<manifest:file-entry><manifest:encryption-data/>')), PASSWORD)
    c.add("no-content.odt", ODT, zipped([("mimetype", ODT.encode()), ("a", b"")]), UNREADABLE)
    c.add("cut.odt", ODT, good[:len(good) // 2], None)
    c.add("sheet.odt", ODT, zipped(odt(kind="application/vnd.oasis.opendocument.spreadsheet")), MISMATCH)
    c.add("as-docx.odt", DOCX, good, MISMATCH)


def archives(c):
    kind = "application/zip"
    c.add("two.zip", kind, zipped([("a.txt", b"a"), ("b.txt", b"b" * 5000)]), CLEAN, members=2, flags=["embedded"])
    c.add("password.zip", kind, zipped([("a.txt", b"a")], encrypt=True), PASSWORD)
    nested = zipped([("b.txt", b"b")])
    c.add("nested.zip", kind, zipped([("b.zip", nested)]), CLEAN, members=2)
    c.add("nested-password.zip", kind, zipped([("b.zip", zipped([("b.txt", b"b")], encrypt=True))]), PASSWORD)
    for _ in range(6):
        nested = zipped([("b.zip", nested)])
    c.add("too-nested.zip", kind, nested, NOT_SCANNED, reason="bounds")
    c.add("bomb.zip", kind, zipped([("a", bytes(513 << 20))]), NOT_SCANNED)
    inner = zipped([("a", bytes(200 << 20))])
    c.add("bomb-of-bombs.zip", kind, zipped([(f"{i}.zip", inner) for i in range(4)]), NOT_SCANNED)
    c.add("empty.zip", kind, zipped([]), None)
    c.add("traversal.zip", kind, zipped([("../../etc/passwd", b"x")]), CLEAN)
    (c.folder / "a.txt").write_text("a")
    c.run("7z", "a", "-psecret", "-mhe=on", "names.7z", "a.txt")
    c.run("7z", "a", "plain.7z", "a.txt")
    c.add("plain.7z", "application/x-7z-compressed", None, CLEAN, members=1)
    c.add("names.7z", "application/x-7z-compressed", None, None)


def ole(streams, folders=()):
    """A compound file of one sector each for the streams (at least 4096 bytes long, so that no
    short sectors are needed), all in the root."""
    entries, sectors = [], []
    for name, data in streams:
        data = data.ljust(4096, b"\0")
        start = 2 + (len(streams) + len(folders) + 1 + 3) // 4 - 1 + sum(len(s) // 512 for s in sectors)
        entries.append((name, 2, start, len(data)))
        sectors.append(data)
    entries += [(name, 1, 0xfffffffe, 0) for name in folders]
    n_dir = (len(entries) + 1 + 3) // 4
    fat = [0xfffffffd] + [i + 2 for i in range(n_dir - 1)] + [0xfffffffe]
    for data in sectors:
        first = len(fat)
        n = len(data) // 512
        fat += [first + i + 1 for i in range(n - 1)] + [0xfffffffe]
    fat += [0xffffffff] * (128 - len(fat))

    def entry(name, kind, start, size, child=0xffffffff, right=0xffffffff):
        text = (name + "\0").encode("utf-16-le")
        return (text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, 0xffffffff, right, child) +
                b"\0" * 36 + struct.pack("<IIQ", start, size, 0)[:12])[:128].ljust(128, b"\0")

    directory = entry("Root Entry", 5, 0xfffffffe, 0, child=1)
    for i, (name, kind, start, size) in enumerate(entries):
        directory += entry(name, kind, start, size, right=i + 2 if i + 1 < len(entries) else 0xffffffff)
    directory = directory.ljust(n_dir * 512, b"\0")
    head = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH", 0x3e, 3, 0xfffe, 9, 6) + b"\0" * 6 +
            struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xfffffffe, 0, 0xfffffffe, 0) + struct.pack("<I", 0) +
            b"\xff" * (108 * 4))
    return head + struct.pack("<128I", *fat) + directory + b"".join(sectors)


def docs(c):
    word = b"\xec\xa5\xc1\0" + b"\0" * 6 + b"\x00\x00" + b"\0" * 200
    locked = b"\xec\xa5\xc1\0" + b"\0" * 6 + b"\x00\x01" + b"\0" * 200
    good = ole([("WordDocument", word), ("1Table", b"t")])
    c.add("letter.doc", DOC, good, CLEAN, members=2, flags=[])
    c.add("macros.doc", DOC, ole([("WordDocument", word)], folders=["Macros"]), CLEAN, flags=["macros"])
    c.add("objects.doc", DOC, ole([("WordDocument", word)], folders=["ObjectPool"]), CLEAN, flags=["embedded"])
    c.add("password.doc", DOC, ole([("WordDocument", locked)]), PASSWORD)
    c.add("no-word.doc", DOC, ole([("WordDocument", b"\0" * 300)]), UNREADABLE)
    c.add("sheet.doc", DOC, ole([("Workbook", b"x")]), MISMATCH)
    c.add("password.docx", DOCX, ole([("EncryptionInfo", b"x"), ("EncryptedPackage", b"x")]), PASSWORD)
    c.add("head-only.doc", DOC, good[:512], None)
    c.add("cut.doc", DOC, good[:900], None)
    noise = bytearray(good)
    noise[512:1024] = random.Random(6).randbytes(512)
    c.add("noise.doc", DOC, bytes(noise), None)
    c.add("loop.doc", DOC, good[:512] + struct.pack("<128I", *([1] * 128)) + good[1024:], None)


def texts(c):
    c.add("letter.txt", "text/plain", b"Dear sir or madam,\nI write about my claim.\n", CLEAN)
    c.add("utf8.txt", "text/plain", "Llythyr o Gaerdydd: ŵ ŷ £ €\n".encode(), CLEAN)
    c.add("latin.txt", "text/plain", "Llythyr: \xe2 \xea \xa3\n".encode("latin-1"), CLEAN)
    c.add("utf16.txt", "text/plain", "\ufeffDear madam, a letter.\n".encode("utf-16-le"), CLEAN)
    c.add("one.txt", "text/plain", b"m", CLEAN)
    c.add("late-nul.txt", "text/plain", b"letter\n" * 2000 + b"\0\0", UNREADABLE)
    c.add("html.txt", "text/plain", b"<!DOCTYPE html>\n<html><script>alert(1)</script></html>\n", MISMATCH)
    c.add("binary.txt", "text/plain", b"\x01\x02\x03\x04\x05\xfe\xfd" * 50, MISMATCH)
    c.add("elf.txt", "text/plain", pathlib.Path("/bin/true").read_bytes(), MISMATCH)
    c.add("report.json", "application/json", b'{"form":"SR1","text":["a",1,null,true]}', CLEAN)
    c.add("cut.json", "application/json", b'{"form":"SR1","text":["a",1', None)
    c.add("twice.json", "application/json", b'{"form":"SR1","form":"SR2"}', UNREADABLE)
    c.add("deep.json", "application/json", b'{"a":' * 1000 + b"1" + b"}" * 1000, None)
    c.add("letter.json", "application/json", b"Dear madam, a letter.", MISMATCH)
    c.add("empty.txt", "text/plain", b"", MISMATCH)


def make(folder):
    c = Corpus(folder)
    for part in (pdfs, pngs, jpegs, other_pictures, wavs, other_audio, offices, archives, docs, texts):
        part(c)
    (c.folder / "corpus.json").write_text(json.dumps(c.cases, indent=0))
    return c.cases


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(len(make(sys.argv[1])))
