"""What the Endless builder makes of a tree of configuration files: an oracle for tests, written from its documentation.

One JSON request a line, one JSON answer a line.
"""
import configparser
import fnmatch
import itertools
import json
import os
import re
import sys

LISTS = {
    "buildroot": ["mounts"],
    "check": ["hooks"],
    "content": ["hooks"],
    "error": ["hooks"],
    "endlesskey": ["collections"],
    "flatpak": ["locales"],
    "flatpak-remote-*": ["apps", "runtimes", "exclude", "allow_extra_data"],
    "image": ["hooks", "icon_grid", "settings", "settings_locks"],
    "kolibri": ["install_channels"],
    "kolibri-*": ["exclude_node_ids", "include_node_ids"],
    "manifest": ["hooks"],
    "publish": ["hooks"],
}
NAMES = ["product", "branch", "arch", "platform", "personality"]


def lists_of(section):
    return [name for pattern, names in LISTS.items() if fnmatch.fnmatch(section, pattern) for name in names]


def tree(directory, values, prefix):
    """Files of a configuration directory and the name that each is known by, in the order in which they load."""
    def forms(name):
        parts = values[name].split("_")
        return ["_".join(parts[:n + 1]) for n in range(len(parts))] if name == "personality" else [values[name]]

    yield os.path.join(directory, "defaults.ini"), prefix + "defaults"
    for count in (1, 2):
        for names in itertools.combinations(NAMES, count):
            for forms_chosen in itertools.product(*map(forms, names)):
                file = os.path.join(directory, "-".join(names), "-".join(forms_chosen) + ".ini")
                yield file, prefix + "_".join(names + forms_chosen)


def files(request):
    own, system, local = request["config"], request["system"], request.get("localdir")
    yield from tree(own, request["attributes"], "")
    yield os.path.join(system, "config.ini"), "system_config"
    if local:
        yield from tree(os.path.join(local, "config"), request["attributes"], "local_")
    yield os.path.join(own, "local.ini"), "local"
    yield os.path.join(system, "private.ini"), "system_private"
    if local:
        yield os.path.join(local, "config", "private.ini"), "local_private"
    yield os.path.join(own, "private.ini"), "private"


def load(request):
    total = configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation())
    total.read_dict({"build": request["build"]})
    for file, namespace in files(request):
        single = configparser.ConfigParser(interpolation=None)
        single.read(file, encoding="utf-8")
        for section in single.sections():
            if not total.has_section(section):
                total.add_section(section)
            bare = [f"{name}_{kind}" for name in lists_of(section) for kind in ("add", "del")]
            # What is renamed comes last.
            for option, value in sorted(single.items(section), key=lambda item: item[0] in bare):
                total.set(section, f"{option}_{namespace}" if option in bare else option, value)
    return total


def merge(total):
    gone = []
    for section in total.sections():
        for name in lists_of(section):
            parts = {kind: fnmatch.filter(total.options(section), f"{name}_{kind}*") for kind in ("add", "del")}
            gone += [(section, option) for options in parts.values() for option in options]
            if total.has_option(section, name):
                continue
            words = {kind: [word for option in options for word in total.get(section, option).split()]
                     for kind, options in parts.items()}
            kept = [word for word in dict.fromkeys(words["add"])
                    if words["add"].count(word) > words["del"].count(word)]
            total.set(section, name, "\n".join(kept))
    for section, option in gone:
        total.remove_option(section, option)


def value(total, section, option):
    try:
        return {"value": total.get(section, option), "raw": total.get(section, option, raw=True)}
    except configparser.InterpolationError:
        return {"error": True, "raw": total.get(section, option, raw=True)}


def environment(total):
    env = {}
    for section in total.sections():
        for option in total.options(section):
            name = option if section == "build" else f"{section}_{option}"
            text = total.get(section, option)
            env["EIB_" + re.sub("[^A-Z0-9_]", "_", name.upper())] = (
                text.lower() if text.lower() in ("true", "false") else text)
    return env


def answer(request):
    try:
        total = load(request)
        merge(total)
    except (configparser.Error, ValueError) as error:
        return {"error": type(error).__name__}
    sections = {section: {option: value(total, section, option) for option in total.options(section)}
                for section in total.sections()}
    resolved = all("error" not in each for options in sections.values() for each in options.values())
    return {"sections": sections, "env": environment(total) if resolved else None}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
