"""Makes a signed repository as abuild(1) and apk-index(8) do, in the v2 format: an observer that shares no code with what
reads it.

    apk.py DIRECTORY [KEY NAME]    packages and index in DIRECTORY, signed by KEY, which is called NAME; else unsigned

The packages are a JSON list on standard input: name, version, arch, fields of .PKGINFO (`info`: name to list), lines of the
index (`index`: letter to text), scripts, entries.
"""
import base64
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

directory = sys.argv[1]
key = sys.argv[2:4]
EPOCH = 1700000000
TYPES = {"0": tarfile.REGTYPE, "1": tarfile.LNKTYPE, "2": tarfile.SYMTYPE, "5": tarfile.DIRTYPE}
NAMES = {0: "root", 33: "www-data"}


def member(name, content=b"", mode=0o644, kind="0", link="", uid=0, gid=0, uname=None, xattrs=None, mtime=EPOCH):
    info = tarfile.TarInfo(name)
    info.type = TYPES[kind]
    info.mode = mode
    info.uid = uid
    info.gid = gid
    info.uname = info.gname = NAMES.get(uid, "") if uname is None else uname
    info.linkname = link
    info.mtime = mtime
    info.size = len(content) if kind == "0" else 0
    headers = {"SCHILY.xattr." + name: base64.b64decode(value).decode("latin1") for name, value in (xattrs or {}).items()}
    if kind in "02":
        digest = hashlib.sha1(content if kind == "0" else link.encode()).hexdigest()
        headers["APK-TOOLS.checksum.SHA1"] = digest
    info.pax_headers = headers
    return info, content


def archive(members, end):
    buffer = io.BytesIO()
    tar = tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT)
    for info, content in members:
        tar.addfile(info, io.BytesIO(content))
    if end:
        tar.close()
    return gzip.compress(buffer.getvalue(), mtime=0)


def plain(name, content, mode=0o644):
    info, content = member(name, content, mode)
    info.pax_headers = {}
    return info, content


def signature(data):
    """The stream before what is signed."""
    if not key:
        return archive([plain(".SIGN.RSA.nobody.rsa.pub", b"nothing")], False)
    command = ["openssl", "dgst", "-sha1", "-sign", key[0]]
    signed = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return archive([plain(".SIGN.RSA." + key[1], signed)], False)


def entry(item):
    content = base64.b64decode(item.get("content", ""))
    fields = {name: item[name] for name in ("mode", "kind", "link", "uid", "gid", "uname", "xattrs") if name in item}
    return member(item["path"], content, **fields)


def package(item):
    data = archive([entry(each) for each in item["entries"]], True)
    info = {"pkgname": [item["name"]], "pkgver": [item["version"]], "arch": [item["arch"]], **item["info"]}
    info["datahash"] = [hashlib.sha256(data).hexdigest()]
    text = "# Generated for tests\n" + "".join(f"{name} = {value}\n" for name in info for value in info[name])
    scripts = [plain("." + kind, script.encode(), 0o755) for kind, script in item["scripts"].items()]
    control = archive([plain(".PKGINFO", text.encode())] + scripts, False)
    file = signature(control) + control + data
    with open(os.path.join(directory, f"{item['name']}-{item['version']}.apk"), "wb") as out:
        out.write(file)
    checksum = "Q1" + base64.b64encode(hashlib.sha1(control).digest()).decode()
    size = sum(len(base64.b64decode(each.get("content", ""))) for each in item["entries"])
    lines = {
        "C": checksum,
        "P": item["name"],
        "V": item["version"],
        "A": item["arch"],
        "S": str(len(file)),
        "I": str(size),
        "T": "For tests",
        "U": "https://example.org",
        "L": "MIT",
        **item["index"],
    }
    return "".join(f"{letter}:{value}\n" for letter, value in lines.items() if value)


os.makedirs(directory, exist_ok=True)
index = "\n".join(package(item) for item in json.load(sys.stdin)) + "\n"
content = archive([plain("DESCRIPTION", b"tests"), plain("APKINDEX", index.encode())], True)
with open(os.path.join(directory, "APKINDEX.tar.gz"), "wb") as out:
    out.write((signature(content) if key else b"") + content)
