#!/bin/sh
# Builds a step's file system view inside fresh user, mount and PID namespaces, then runs the step's program.
# Called by sandbox.ts only. Runs as root of the user namespace and as PID 1: when it ends, all it started ends.
#
#   sandbox.sh STORE MNT [OPERATION...] -- PROGRAM [ARGUMENT...]
#
# STORE is the current directory for overlay layers and for MNT, an empty directory: relative names keep mount options
# short and free of special characters. Operations, in order:
#   --root-host               the host's programs and /etc, read-only, nothing else of it
#   --root LOWER[:LOWER...]   a tree as root; what is written to it is thrown away
#   --bind SRC DST            read-write; --ro-bind SRC DST read-only; DST is made
#   --overlay DST LOWERS UPPER WORK   a writable tree, on nothing if LOWERS is empty; --ro-overlay DST LOWERS a read-only one
#   --secret SRC DST          a copy in memory, below a directory that only root may enter
#   --read-only               the root, once everything is in place
#   --network                 name resolution of the host
#   --system DIR              /proc, /sys, /dev, /tmp and /run for a tree that will be entered
#   --emulate INTERPRETER MAGIC   registers an emulator for foreign programs
#   --chdir DIR, --chroot DIR
set -eu
umask 022
# The newer interface of mount(8) takes no more than 256 characters of layers.
export LIBMOUNT_FORCE_MOUNT2=always

fail() { echo "sandbox: $*" >&2; exit 125; }

bind() { # ro|rw SRC DST
  if [ -d "$2" ]; then how=$1,X-mount.mkdir
  else
    how=$1
    [ -d "${3%/*}" ] || mkdir -p "${3%/*}"
    [ -e "$3" ] || : > "$3"
  fi
  said=$(mount --rbind -o "$how" "$2" "$3" 2>&1) ||
    # What the host mounted with these options keeps them; it is there by now, but not read-only yet.
    mount -o "remount,bind,$1,nosuid,nodev" "$3" 2>/dev/null || fail "$said"
}

systems=0
system_dirs() { # DIR: the kernel's interfaces, and places that must not leak into the tree
  systems=$((systems + 1)) dev=$mnt/dev$systems
  mkdir "$dev"
  ln -s /proc/self/fd pts/ptmx "$dev"
  ln -s /proc/self/fd/0 "$dev/stdin"
  ln -s /proc/self/fd/1 "$dev/stdout"
  ln -s /proc/self/fd/2 "$dev/stderr"
  # All by one program: starting it takes longer than what it does.
  {
    echo "proc $1/proc proc X-mount.mkdir"
    # To root's own kernel settings our root may write: those of the host stay as they are.
    echo "$1/proc/sys $1/proc/sys none rbind,ro"
    echo "$dev $1/dev none bind,X-mount.mkdir"
    for node in null zero full random urandom tty; do
      : > "$dev/$node"
      echo "/dev/$node $1/dev/$node none bind"
    done
    echo "devpts $1/dev/pts devpts newinstance,ptmxmode=0666,mode=620,X-mount.mkdir"
    echo "tmpfs $1/dev/shm tmpfs mode=1777,X-mount.mkdir"
    echo "tmpfs $1/tmp tmpfs mode=1777,X-mount.mkdir"
    echo "tmpfs $1/run tmpfs mode=755,X-mount.mkdir"
  } > "$mnt/mounts"
  mount --all --fstab "$mnt/mounts" 2>/dev/null || {
    # Where the host hides parts of its /proc, there is no other. What is mounted by now is left alone.
    mount --rbind /proc "$1/proc"
    mount --all --fstab "$mnt/mounts"
  }
  mkdir "$1/run/lock"
  # Who shares the host's network may not mount sysfs, but a helper without it may.
  mount -t sysfs -o ro,X-mount.mkdir sysfs "$1/sys" 2>/dev/null ||
    unshare --net mount -t sysfs -o ro sysfs "$1/sys" 2>/dev/null || bind ro /sys "$1/sys"
}

store=$1 mnt=$2
shift 2
# The builder's name must not leak into what is built. Only root may use the file.
echo osmith 2>/dev/null > /proc/sys/kernel/hostname || hostname osmith || fail "cannot set the host name: install hostname"
cd "$store"
new=$mnt/root chdir=/ chroot= read_only=
mount -t tmpfs -o mode=755 tmpfs "$mnt" || fail "cannot mount a tmpfs in a user namespace"
mkdir "$mnt/root" "$mnt/up" "$mnt/work" "$mnt/empty"

while [ "$1" != -- ]; do
  case $1 in
    --root-host)
      mount -t tmpfs -o mode=755 tmpfs "$new"
      for dir in /usr /etc /bin /sbin /lib /lib32 /lib64 /libx32 /opt; do
        if [ -L "$dir" ]; then ln -s "$(readlink "$dir")" "$new$dir"
        elif [ -d "$dir" ]; then bind ro "$dir" "$new$dir"; fi
      done
      mkdir -p "$new/var/tmp" "$new/var/cache" "$new/root" "$new/mnt"
      [ ! -d /var/lib/dpkg ] || bind ro /var/lib/dpkg "$new/var/lib/dpkg"
      system_dirs "$new"; shift 1 ;;
    --root)
      mount -t overlay -o "userxattr,lowerdir=$2,upperdir=$mnt/up,workdir=$mnt/work" overlay "$new" ||
        fail "cannot mount an overlay in a user namespace"
      system_dirs "$new"; shift 2 ;;
    --bind) bind rw "$2" "$new$3"; shift 3 ;;
    --ro-bind) bind ro "$2" "$new$3"; shift 3 ;;
    --overlay)
      mkdir -p "$new$2"
      # volatile: no syncing, since a step that is cut off is made again from its start. The mark that a former such
      # mount leaves is of a clean unmount: its processes are gone.
      rm -rf "$5/work/incompat"
      mount -t overlay -o "userxattr,volatile,lowerdir=${3:-$mnt/empty},upperdir=$4,workdir=$5" overlay "$new$2"; shift 5 ;;
    --ro-overlay)
      mkdir -p "$new$2"
      case $3 in
        *:*) mount -t overlay -o "userxattr,ro,lowerdir=$3" overlay "$new$2" ;;
        *) bind ro "$3" "$new$2" ;;
      esac
      shift 3 ;;
    --secret)
      dir=${3%/*}
      if [ ! -d "$new$dir" ]; then
        mkdir -p "$new$dir"
        mount -t tmpfs -o mode=700 tmpfs "$new$dir"
      fi
      cp -R --preserve=mode "$2" "$new$3" || fail "cannot read $2"
      shift 3 ;;
    --read-only) read_only=yes; shift 1 ;;
    --network)
      # The root is either an overlay that is thrown away or the host's own /etc.
      if ! cmp -s /etc/resolv.conf "$new/etc/resolv.conf"; then
        rm -f "$new/etc/resolv.conf" && cat /etc/resolv.conf > "$new/etc/resolv.conf" || true
        cat /etc/hosts > "$new/etc/hosts" || true
      fi
      shift 1 ;;
    --system)
      system_dirs "$new$2"
      mkdir -p "$new$2/run/osmith/work" "$new$2/run/osmith/in"
      mount --rbind "$new/work" "$new$2/run/osmith/work"
      [ ! -d "$new/in" ] || mount --rbind "$new/in" "$new$2/run/osmith/in"
      if [ -d "$new/run/credentials" ]; then
        mkdir "$new$2/run/osmith/credentials"
        mount --rbind "$new/run/credentials" "$new$2/run/osmith/credentials"
      fi
      shift 2 ;;
    --emulate)
      mkdir -p "$new/proc/sys/fs/binfmt_misc"
      mount -t binfmt_misc binfmt_misc "$new/proc/sys/fs/binfmt_misc" ||
        fail "the kernel cannot register emulators in a user namespace (needs Linux 6.7)"
      printf '%s' ":osmith:M::$3:$new$2:POF" > "$new/proc/sys/fs/binfmt_misc/register"; shift 3 ;;
    --chdir) chdir=$2; shift 2 ;;
    --chroot) chroot=$2; shift 2 ;;
    *) fail "unknown operation $1" ;;
  esac
done
shift

# Leave the host behind: nothing of it stays reachable.
cd "$new"
pivot_root . . # the old root now lies over the new one
umount -l .
cd /
[ -z "$read_only" ] || mount -o remount,bind,ro / || fail "cannot make the root read-only"
unset LIBMOUNT_FORCE_MOUNT2

if [ -n "$chroot" ]; then
  # Not exec: this shell stays PID 1 and reaps what the program leaves behind.
  chroot "$chroot" /bin/sh -c 'cd "$0" && exec "$@"' "$chdir" "$@" && exit 0
  exit $?
fi
cd "$chdir"
"$@" && exit 0
exit $?
