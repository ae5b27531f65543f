"""Asks Flatpak's own library what a list of apps needs: resolve.py REQUEST RESULT, both JSON.

The result is what the library's transaction would install, and what of the request cannot be had.
"""
import json
import sys

import gi

gi.require_version("Flatpak", "1.0")
gi.require_version("OSTree", "1.0")
from gi.repository import Flatpak, Gio, GLib, OSTree  # noqa: E402

INSTALLATION = "/tmp/installation"


def add_remote(installation, wanted):
    remote = Flatpak.Remote.new(wanted["name"])
    remote.set_url(wanted["url"])
    remote.set_gpg_verify(wanted["key"] != "")
    if wanted["key"]:
        remote.set_gpg_key(GLib.Bytes.new(GLib.base64_decode(wanted["key"])))
    if wanted["defaultBranch"]:
        remote.set_default_branch(wanted["defaultBranch"])
    if wanted["prio"] is not None:
        remote.set_prio(wanted["prio"])
    installation.add_remote(remote, False, None)
    installation.update_remote_sync(wanted["name"], None)
    return installation.list_remote_refs_sync(wanted["name"], None)


def collection_id(repo, name):
    """The collection that a remote's summary says it is."""
    _, summary, _ = repo.remote_fetch_summary(name, None)
    if summary is None:
        return ""
    variant = GLib.Variant.new_from_bytes(GLib.VariantType("(a(s(taya{sv}))a{sv})"), summary, False)
    found = variant.get_child_value(1).lookup_value("ostree.summary.collection-id", GLib.VariantType("s"))
    return "" if found is None else found.get_string()


def match(refs, kind, entry, arch, default_branch):
    """`name[/arch[/branch]]`: the ref of this kind that is meant."""
    name, wanted_arch, wanted_branch = (entry.split("/") + ["", ""])[:3]
    found = [
        ref
        for ref in refs
        if ref.get_kind() == kind and ref.get_name() == name and ref.get_arch() == (wanted_arch or arch)
    ]
    branch = wanted_branch or default_branch
    named = [ref for ref in found if ref.get_branch() == branch]
    if named or wanted_branch:
        return named[0] if named else None
    return max(found, key=lambda ref: ref.get_branch(), default=None)


def transaction(installation, wanted):
    """What would be installed; each with the refs for whose sake it is."""
    operations = []

    def ready(running):
        for operation in running.get_operations():
            metadata = operation.get_metadata()
            operations.append(
                {
                    "ref": operation.get_ref(),
                    "remote": operation.get_remote(),
                    "commit": operation.get_commit(),
                    "subpaths": operation.get_subpaths() or [],
                    "downloadSize": operation.get_download_size(),
                    "installedSize": operation.get_installed_size(),
                    "metadata": "" if metadata is None else metadata.to_data()[0],
                    "relatedTo": [each.get_ref() for each in operation.get_related_to_ops() or []],
                }
            )
        return False

    running = Flatpak.Transaction.new_for_installation(installation, None)
    running.set_no_interaction(True)
    running.connect("ready", ready)
    # Remotes come in the order of their priority.
    running.connect("choose-remote-for-ref", lambda *_: 0)
    # Whether such refs are welcome is decided by whoever reads the result.
    running.connect("end-of-lifed-with-rebase", lambda *_: False)
    for remote, ref in wanted:
        running.add_install(remote, ref, None)
    try:
        running.run(None)
    except GLib.Error as error:
        if not error.matches(Flatpak.error_quark(), Flatpak.Error.ABORTED):
            raise
    return operations


def resolve(request):
    installation = Flatpak.Installation.new_for_path(Gio.File.new_for_path(INSTALLATION), False, None)
    languages = request["languages"]
    installation.set_config_sync("languages", ";".join(languages) or "en", None)
    refs, failed = {}, []
    for wanted in request["remotes"]:
        try:
            refs[wanted["name"]] = add_remote(installation, wanted)
        except GLib.Error as error:
            failed.append({"remote": wanted["name"], "message": error.message})
    repo = OSTree.Repo.new(Gio.File.new_for_path(f"{INSTALLATION}/repo"))
    repo.open(None)
    remotes, install, missing = [], [], []
    for wanted in request["remotes"]:
        name = wanted["name"]
        if name not in refs:
            continue
        remote = installation.get_remote_by_name(name, None)
        branch = remote.get_default_branch() or ""
        remotes.append(
            {
                "name": name,
                "title": remote.get_title() or "",
                "defaultBranch": branch,
                "collectionId": collection_id(repo, name),
            }
        )
        for option, kind in (("apps", Flatpak.RefKind.APP), ("runtimes", Flatpak.RefKind.RUNTIME)):
            for entry in wanted[option]:
                ref = match(refs[name], kind, entry, request["arch"], branch)
                if ref is None:
                    missing.append({"remote": name, "option": option, "entry": entry, "has": []})
                else:
                    install.append((name, ref.format_ref()))
    for each in missing:
        kind = Flatpak.RefKind.APP if each["option"] == "apps" else Flatpak.RefKind.RUNTIME
        each["has"] = sorted({ref.get_name() for ref in refs[each["remote"]] if ref.get_kind() == kind})
    # Only now: else a listed app that is excluded could not even be asked for.
    installation.set_config_sync("masked", ";".join(request["masked"]), None)
    problem = ""
    operations = []
    try:
        operations = transaction(installation, install) if install and not failed else []
    except GLib.Error as error:
        problem = error.message
    eol = {
        (name, ref.format_ref()): {"eol": ref.get_eol() or "", "eolRebase": ref.get_eol_rebase() or ""}
        for name, found in refs.items()
        for ref in found
    }
    none = {"eol": "", "eolRebase": ""}
    return {
        "remotes": remotes,
        "failed": failed,
        "missing": missing,
        "problem": problem,
        "operations": [{**each, **eol.get((each["remote"], each["ref"]), none)} for each in operations],
    }


def main(request_file, result_file):
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    result = resolve(request)
    with open(result_file, "w", encoding="utf-8") as file:
        json.dump(result, file)


main(*sys.argv[1:])
