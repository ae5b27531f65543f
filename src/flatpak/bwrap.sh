#!/bin/sh
# bubblewrap for Flatpak in a step's sandbox, whose /proc/sys cannot be written to, so that no program of a step alters
# the kernel's settings. bubblewrap has to, for the namespace that it makes: to forbid further ones inside. So it alone
# sees a /proc of its own; what it runs sees none at all.
exec unshare --mount sh -ec 'mount -t proc proc /proc; exec bwrap "$@"' sh "$@"
