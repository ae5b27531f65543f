#!/bin/sh
# Unpacks packages into the tree at /tree and runs their scripts inside it, as apk does: one package after the other, then
# the triggers. In the sandbox, whose root is root of a user namespace. No output of apk's own is imitated.
#
#   install.sh PACKAGES
#
# PACKAGES holds a directory for each step, in the order of their names: `name`, and what there is of `pre-install`,
# `data.tar` with `guarded`, `post-install`, or `trigger` with `arguments`. Into it go the `passwd` and `group` that the
# owners of files were looked up in.
set -eu
tree=/tree
# The same tree without the kernel's interfaces on top of it, so that packages can bring these directories.
bare=/mnt
mkdir -p $bare
mount --bind $tree $bare

run() { # STEP KIND ARGUMENT...
  [ -e "$1/$2" ] || return 0
  step=$1 kind=$2
  shift 2
  file=lib/apk/exec/$(cat "$step/name").$kind
  mkdir -p "$tree/lib/apk/exec"
  cp "$step/$kind" "$tree/$file"
  chmod 755 "$tree/$file"
  code=0
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-}" \
    chroot "$tree" "/$file" "$@" < /dev/null || code=$?
  rm -rf "$tree/lib/apk/exec"
  [ $code = 0 ] && return 0
  echo "osmith: the script $kind of $(cat "$step/name") failed with $code" >&2
  exit 1
}

# Owners are named in the words of the system that is made, not of the one that the programs are from.
unpack() { # STEP ARGUMENT...
  step=$1
  shift
  unshare --mount --propagation unchanged sh -euc '
    mount --bind "$1/passwd" /etc/passwd
    mount --bind "$1/group" /etc/group
    shift
    exec "$@"
  ' sh "$step" tar -x -f "$step/data.tar" -C $bare --same-owner --same-permissions --xattrs --xattrs-include='*' \
    --keep-directory-symlink --anchored --no-wildcards "$@"
}

# What someone changed stays; what the package has goes beside it.
keep_changed() { # STEP
  : > "$1/kept"
  while IFS='	' read -r sha1 before path; do
    [ -f "$bare/$path" ] || continue
    now=$(sha1sum < "$bare/$path")
    case ${now%% *} in "$sha1" | "$before") ;; *) printf '%s\n' "$path" >> "$1/kept" ;; esac
  done < "$1/guarded"
}

for step in "$1"/*/; do
  step=${step%/}
  if [ -e "$step/trigger" ]; then
    set --
    while IFS= read -r dir; do set -- "$@" "$dir"; done < "$step/arguments"
    run "$step" trigger "$@"
    continue
  fi
  run "$step" pre-install "$(cat "$step/version")"
  for file in passwd group; do
    cp "$tree/etc/$file" "$step/$file" 2> /dev/null || : > "$step/$file"
  done
  keep_changed "$step"
  unpack "$step" --exclude-from="$step/kept"
  while IFS= read -r path; do
    unpack "$step" --transform='s/$/.apk-new/' "$path"
  done < "$step/kept"
  run "$step" post-install "$(cat "$step/version")"
done
umount $bare
