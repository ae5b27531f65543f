"""Checks every object of a repository, also those of commits of which only a part is there: verify.py REPO.

Prints the time of the newest commit, in seconds since 1970. Ends with 3 if an object is damaged.
"""
import os
import sys

import gi

gi.require_version("OSTree", "1.0")
from gi.repository import Gio, GLib, OSTree  # noqa: E402

TYPES = {
    ".filez": OSTree.ObjectType.FILE,
    ".dirtree": OSTree.ObjectType.DIR_TREE,
    ".dirmeta": OSTree.ObjectType.DIR_META,
    ".commit": OSTree.ObjectType.COMMIT,
}


def main(path):
    repo = OSTree.Repo.new(Gio.File.new_for_path(path))
    repo.open(None)
    newest = 0
    for prefix in sorted(os.listdir(f"{path}/objects")):
        for name in sorted(os.listdir(f"{path}/objects/{prefix}")):
            rest, suffix = os.path.splitext(name)
            if suffix not in TYPES:
                continue
            try:
                repo.fsck_object(TYPES[suffix], prefix + rest, None)
            except GLib.Error as error:
                print(f"{prefix}{name}: {error.message}", file=sys.stderr)
                sys.exit(3)
            if suffix == ".commit":
                _, commit, _ = repo.load_commit(prefix + rest)
                newest = max(newest, OSTree.commit_get_timestamp(commit))
    print(newest)


main(sys.argv[1])
