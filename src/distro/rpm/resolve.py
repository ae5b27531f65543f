"""Which package files make the system: dnf's own answer, as JSON on standard output.

    resolve.py REQUEST    a JSON file: repositories (name, url, keys, signed), release, arch, platform, base, extra
"""
import json
import os
import sys

import dnf
import dnf.callback
import dnf.exceptions
import dnf.repo

WORK = "/work/dnf"


class GivenKeys(dnf.callback.KeyImport):
    """The keys of a repository are those that the request names: nobody needs to be asked."""

    def _confirm(self, id, userid, fingerprint, url, timestamp):
        return True


def open_base(request):
    base = dnf.Base()
    conf = base.conf
    for directory in ("root", "cache", "state", "log"):
        os.makedirs(WORK + "/" + directory)
    conf.installroot = WORK + "/root"
    conf.cachedir = WORK + "/cache"
    conf.persistdir = WORK + "/state"
    conf.logdir = WORK + "/log"
    conf.reposdir = []
    conf.pluginpath = []
    conf.install_weak_deps = False
    conf.zchunk = False
    conf.retries = 2
    conf.timeout = 15
    conf.substitutions["releasever"] = request["release"]
    conf.substitutions["arch"] = request["arch"]
    conf.substitutions["basearch"] = request["arch"]
    if request["platform"]:
        conf.module_platform_id = request["platform"]
    for each in request["repositories"]:
        repo = dnf.repo.Repo(each["name"], conf)
        repo.baseurl = [each["url"]]
        repo.gpgkey = ["file://" + key for key in each["keys"]]
        repo.repo_gpgcheck = each["signed"]
        repo._set_key_import(GivenKeys())
        repo.skip_if_unavailable = False
        repo.load_metadata_other = False
        base.repos.add(repo)
    return base


def solve(base, words):
    """The files of what the words, names or @groups, need together."""
    base.reset(goal=True)
    groups = [word for word in words if word.startswith("@")]
    if groups:
        base.read_comps()
    missing = []
    for word in words:
        try:
            if word.startswith("@"):
                base.group_install(base.comps.group_by_pattern(word[1:]).id, ["mandatory", "default"])
            else:
                base.install(word)
        except (dnf.exceptions.MarkingError, AttributeError):
            missing.append(word)
    if missing:
        sys.exit("no such package: " + missing[0])
    base.resolve()
    return sorted(base.transaction.install_set, key=lambda package: package.location)


def describe(package):
    kind, digest = package.chksum[0], package.chksum[1].hex()
    if len(digest) not in (64, 128):
        sys.exit("the index has no SHA-256 and no SHA-512 of " + str(package))
    return {
        "name": package.name,
        "version": (str(package.epoch) + ":" if package.epoch else "") + package.version + "-" + package.release,
        "arch": package.arch,
        "file": package.location.rsplit("/", 1)[-1],
        "url": package.remote_location(),
        "size": package.downloadsize,
        "sha256" if len(digest) == 64 else "checksum": digest,
        "date": package.buildtime,
    }


def main():
    with open(sys.argv[1], encoding="utf8") as file:
        request = json.load(file)
    base = open_base(request)
    base.fill_sack(load_system_repo=False)
    first = solve(base, request["base"])
    result = {"base": [describe(package) for package in first], "extra": []}
    if request["extra"]:
        known = {package["file"] for package in result["base"]}
        both = solve(base, request["base"] + request["extra"])
        result["extra"] = [describe(package) for package in both if package.location.rsplit("/", 1)[-1] not in known]
    print(json.dumps(result))


try:
    main()
except dnf.exceptions.Error as error:
    sys.exit("dnf: " + str(error))
