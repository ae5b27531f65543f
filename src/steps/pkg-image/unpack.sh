#!/bin/sh
# Makes the tree of an image out of package files, without running anything of them, and of files that go over theirs.
#
#   unpack.sh TREE KERNEL PROGRAMS EXCLUDE...
#
# KERNEL: `kernel` for an image that holds a kernel and an archive of its modules; `no` otherwise. PROGRAMS: inputs that go
# to /usr/lib/osmith.
set -eu
tree=$1 kernel=$2 programs=$3
shift 3
umask 022

fail() { echo "package: $*" >&2; exit 1; }

# A merged /usr, as every Debian has it.
mkdir -p "$tree"
cd "$tree"
mkdir run
mkdir -m 1777 tmp
for dir in bin lib lib64 sbin; do
  mkdir -p "usr/$dir"
  ln -s "usr/$dir" "$dir"
done

# The database of packages as distroless images keep it: one file each, so that several images can be laid over each other.
mkdir -p var/lib/dpkg/status.d
for deb in /in/packages/*.deb; do
  dpkg-deb --extract "$deb" .
  dpkg-deb --field "$deb" > "var/lib/dpkg/status.d/$(dpkg-deb --field "$deb" Package)"
done

# What nobody reads in a container. Licences stay.
find usr/share/doc -mindepth 1 ! -name copyright ! -type d -delete 2>/dev/null || true
rm -rf usr/share/man usr/share/info usr/share/locale usr/share/lintian usr/share/bug usr/share/bash-completion usr/share/zsh
for pattern; do
  # shellcheck disable=SC2086 # a pattern
  rm -rf -- $pattern
done

# busybox has no names of its own until its script has run, or `busybox --install`.
if [ -x usr/bin/busybox ]; then
  { busybox --list-full 2>/dev/null || usr/bin/busybox --list-full; } | while read -r path; do
    name=${path##*/}
    [ "$name" = linuxrc ] || [ -e "usr/bin/$name" ] || [ -e "usr/sbin/$name" ] || ln -sf /usr/bin/busybox "$path"
  done
fi

for program in $programs; do
  install -D -m 755 "/in/$program" "usr/lib/osmith/$program"
done

# Modes and owners vary between checkouts, but for what can be run.
if [ -d /in/root ]; then
  cp -R /in/root /tmp/root
  chmod -R u=rwX,go=rX /tmp/root
  chown -R 0:0 /tmp/root
  cp -R --preserve=mode,ownership,links --no-target-directory /tmp/root .
fi
# A directory that only packages of the whole system would have used.
rmdir usr/lib64 2>/dev/null && rm lib64 || true
find usr/share/doc usr/share -depth -type d -empty -delete 2>/dev/null || true

[ "$kernel" = kernel ] || exit 0
set -- boot/vmlinu[xz]-*
[ -e "$1" ] || fail "there is no kernel among the packages: none has /boot/vmlinuz-VERSION"
[ $# = 1 ] || fail "there are several kernels among the packages: $*"
version=${1#boot/vmlinu?-}
[ -d "usr/lib/modules/$version" ] || fail "the kernel $version has no modules in /usr/lib/modules"
depmod --basedir . "$version"
mv "$1" kernel
find usr/lib/modules var usr/share/doc -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
tar -cf kernel.tar --format=ustar --sort=name --numeric-owner usr/lib/modules usr/share/doc var/lib/dpkg/status.d
find . -mindepth 1 -maxdepth 1 ! -name kernel ! -name kernel.tar -exec rm -rf {} +
