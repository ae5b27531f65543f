"""Edits a directory, and describes one: an observer that shares no code with what is tested.

    tree.py edit DIR    carries out edits, a JSON list on standard input; what the kernel refuses is left out
    tree.py view DIR    prints what is in it as JSON: path to all that must survive
    tree.py tar FILE    the same of a tar file, as Python's own module reads it
"""
import base64
import hashlib
import json
import os
import stat
import sys
import tarfile

root = os.fsencode(sys.argv[2])


def full(path):
    return os.path.join(root, *(os.fsencode(part) for part in path))


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            remove(os.path.join(path, name))
        os.rmdir(path)
    else:
        os.unlink(path)


def write(path, flags, data):
    # Not blocking: nobody reads from a named pipe.
    out = os.open(path, os.O_WRONLY | os.O_NONBLOCK | flags, 0o666)
    os.write(out, data)
    os.close(out)


def edit(op):
    path = full(op["path"])
    kind = op["op"]
    if kind == "write":
        write(path, os.O_CREAT | os.O_TRUNC, op["data"].encode() * op["times"])
    elif kind == "append":
        write(path, os.O_APPEND, b"+")
    elif kind == "mkdir":
        os.mkdir(path)
    elif kind == "remake":  # a directory deleted and made again hides what was in it
        remove(path)
        os.mkdir(path)
    elif kind == "symlink":
        os.symlink(os.fsencode(op["data"]), path)
    elif kind == "link":
        os.link(full(op["to"]), path, follow_symlinks=False)
    elif kind == "rename":
        os.rename(full(op["to"]), path)
    elif kind == "remove":
        remove(path)
    elif kind == "chmod":
        os.chmod(path, op["mode"])
    elif kind == "chown":
        os.lchown(path, op["uid"], op["gid"])
    elif kind == "mkfifo":
        os.mkfifo(path)
    elif kind == "utime":
        os.utime(path, (op["time"], op["time"]), follow_symlinks=False)
    elif kind == "xattr":
        os.setxattr(path, op["name"], base64.b64decode(op["value"]), follow_symlinks=False)
    elif kind == "unxattr":
        os.removexattr(path, op["name"], follow_symlinks=False)


def describe(path):
    info = os.lstat(path)
    names = [name for name in os.listxattr(path, follow_symlinks=False) if not name.startswith("user.overlay.")]
    found = {
        "type": stat.S_IFMT(info.st_mode),
        "mode": oct(stat.S_IMODE(info.st_mode)),
        "owner": [info.st_uid, info.st_gid],
        "mtime": int(info.st_mtime // 1),
        "xattrs": {
            name: base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode() for name in sorted(names)
        },
    }
    if stat.S_ISREG(info.st_mode):
        with open(path, "rb") as source:
            found["content"] = [info.st_size, hashlib.sha256(source.read()).hexdigest()]
    if stat.S_ISLNK(info.st_mode):
        found["target"] = os.readlink(path).decode("utf8", "surrogateescape")
    return found, (info.st_dev, info.st_ino)


def view():
    entries, inodes = {}, {}
    for directory, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(directory, name)
            key = base64.b64encode(os.path.relpath(path, root)).decode()
            entries[key], inode = describe(path)
            # tar knows no links to named pipes.
            if entries[key]["type"] != stat.S_IFIFO:
                inodes.setdefault(inode, []).append(key)
    for keys in inodes.values():
        for key in keys if len(keys) > 1 else []:
            entries[key]["links"] = sorted(keys)
    return readable(entries)


def readable(entries):
    return {base64.b64decode(key).decode("utf8", "backslashreplace"): entries[key] for key in sorted(entries)}


TYPES = {
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.FIFOTYPE: stat.S_IFIFO,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
}


def tar_view():
    entries = {}
    prefix = "SCHILY.xattr."
    with tarfile.open(root, errors="surrogateescape") as archive:
        for member in archive:
            key = base64.b64encode(os.path.normpath(os.fsencode(member.name))).decode()
            if member.islnk():
                target = os.path.normpath(os.fsencode(member.linkname))
                entries[key] = entries[base64.b64encode(target).decode()]
                continue
            found = {
                "type": TYPES[member.type],
                "mode": oct(member.mode),
                "owner": [member.uid, member.gid],
                "mtime": int(member.mtime),
                "xattrs": {
                    # GNU tar and the kernel's users of this format write % for what has a meaning in it.
                    name[len(prefix) :].replace("%3D", "=").replace("%25", "%"): base64.b64encode(
                        os.fsencode(value)
                    ).decode()
                    for name, value in sorted(member.pax_headers.items())
                    if name.startswith(prefix)
                },
            }
            if member.isreg():
                found["content"] = [member.size, hashlib.sha256(archive.extractfile(member).read()).hexdigest()]
            if member.issym():
                found["target"] = member.linkname
            if member.isdev() and not member.isfifo():
                found["device"] = [member.devmajor, member.devminor]
            entries[key] = found
    entries.pop(base64.b64encode(b".").decode(), None)
    return readable(entries)


if sys.argv[1] == "view":
    print(json.dumps(view()))
elif sys.argv[1] == "tar":
    print(json.dumps(tar_view()))
else:
    for op in json.load(sys.stdin):
        try:
            edit(op)
        except OSError as error:
            print(op["op"], error.strerror, file=sys.stderr)
