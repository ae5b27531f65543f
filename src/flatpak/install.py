"""Installs what was resolved and pulled, by Flatpak's own library: install.py REQUEST RESULT, both JSON.

Needs neither network nor D-Bus. The result says of each ref what only an installation knows.
"""
import json
import os
import sys

import gi

gi.require_version("Flatpak", "1.0")
gi.require_version("OSTree", "1.0")
from gi.repository import Flatpak, Gio, GLib, OSTree  # noqa: E402

# Languages whose part of locale extensions is installed, while this program runs.
LANGUAGES = "languages"


def add_remote(installation, wanted, url):
    remote = Flatpak.Remote.new(wanted["name"])
    remote.set_url(url)
    remote.set_gpg_verify(wanted["key"] != "")
    if wanted["key"]:
        remote.set_gpg_key(GLib.Bytes.new(GLib.base64_decode(wanted["key"])))
    installation.add_remote(remote, False, None)


def open_repo(path):
    repo = OSTree.Repo.new(Gio.File.new_for_path(f"{path}/repo"))
    repo.open(None)
    return repo


def trust_own_summary(path, names):
    """The list of what was pulled is our own. Commits must be signed all the same."""
    repo = open_repo(path)
    config = repo.copy_config()
    for name in names:
        config.set_boolean(f'remote "{name}"', "gpg-verify-summary", False)
    repo.write_config(config)


def forget_languages(path):
    """Only the machine itself knows which languages its users speak."""
    repo = open_repo(path)
    config = repo.copy_config()
    config.remove_key("core", f"xa.{LANGUAGES}")
    repo.write_config(config)


def finish_remote(installation, wanted):
    """From here on the remote is what the running system follows."""
    remote = installation.get_remote_by_name(wanted["name"], None)
    remote.set_url(wanted["deployUrl"])
    remote.set_gpg_verify(wanted["key"] != "")
    if wanted["title"]:
        remote.set_title(wanted["title"])
    if wanted["defaultBranch"]:
        remote.set_default_branch(wanted["defaultBranch"])
    if wanted["prio"] is not None:
        remote.set_prio(wanted["prio"])
    if wanted["noenumerate"]:
        remote.set_noenumerate(True)
    if wanted["collectionId"]:
        remote.set_collection_id(wanted["collectionId"])
    installation.modify_remote(remote, None)


def install(installation, operations):
    running = Flatpak.Transaction.new_for_installation(installation, None)
    running.set_no_interaction(True)
    # The list is complete. Dependencies only say what has to come first.
    running.set_disable_related(True)
    running.set_disable_static_deltas(True)
    running.set_disable_auto_pin(True)
    failures = []
    running.connect("operation-error", lambda _, operation, error, __: failures.append((operation, error)) or False)
    running.connect("new-operation", lambda _, operation, __: print(f"installing {operation.get_ref()}", flush=True))
    for each in operations:
        running.add_install(each["remote"], each["ref"], each["subpaths"] or None)
    try:
        running.run(None)
    except GLib.Error as error:
        for operation, reason in failures:
            sys.exit(f"{operation.get_ref()}: {reason.message}")
        sys.exit(error.message)


def describe(installation, repo, refs):
    told = {}
    for ref in installation.list_installed_refs(None):
        commit = ref.get_commit()
        _, variant, _ = repo.load_commit(commit)
        told[ref.format_ref()] = {
            "commit": commit,
            "installedSize": ref.get_installed_size(),
            "timestamp": OSTree.commit_get_timestamp(variant),
            "version": ref.get_appdata_version() or "",
            "name": ref.get_appdata_name() or "",
            "summary": ref.get_appdata_summary() or "",
        }
    missing = sorted(set(refs) - set(told))
    if missing:
        sys.exit(f"not installed: {' '.join(missing)}")
    return told


def main(request_file, result_file):
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    path = request["path"]
    os.makedirs(path)
    installation = Flatpak.Installation.new_for_path(Gio.File.new_for_path(path), False, None)
    for wanted in request["remotes"]:
        add_remote(installation, wanted, f"file://{request['repo']}")
    trust_own_summary(path, [wanted["name"] for wanted in request["remotes"]])
    # The library has read the configuration by now.
    installation = Flatpak.Installation.new_for_path(Gio.File.new_for_path(path), False, None)
    if request["languages"]:
        installation.set_config_sync(LANGUAGES, ";".join(request["languages"]), None)
    if request["operations"]:
        install(installation, request["operations"])
    if request["extraLanguages"]:
        installation.set_config_sync("extra-languages", ";".join(request["languages"]), None)
    for wanted in request["remotes"]:
        finish_remote(installation, wanted)
    installation.prune_local_repo(None)
    if request["languages"]:
        forget_languages(path)
    told = describe(installation, open_repo(path), [each["ref"] for each in request["operations"]])
    with open(result_file, "w", encoding="utf-8") as file:
        json.dump(told, file)


main(*sys.argv[1:])
