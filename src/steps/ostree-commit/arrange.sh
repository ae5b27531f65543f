#!/bin/sh
# Arranges a root filesystem as OSTree deploys it: what belongs to the system in /usr, which is the commit; what belongs
# to the machine in /etc and /var, which are made of it. Read with libostree's "Adapting existing mainstream
# distributions".
#
#   arrange.sh TREE
set -eu
cd "$1"

fail() { echo "arrange: $*" >&2; exit 1; }

for dir in bin sbin lib; do
  [ -L "$dir" ] || fail "/$dir is not a link into /usr: OSTree needs a distribution with a merged /usr"
done

# Kernel and initramfs: where libostree looks for them.
set -- usr/lib/modules/*/modules.order
[ -e "$1" ] || fail "there is no kernel in /usr/lib/modules"
[ $# = 1 ] || fail "there are several kernels in /usr/lib/modules, and a deployment boots one: $*"
modules=${1%/*}
version=${modules##*/}
[ -e "boot/vmlinuz-$version" ] || fail "there is no /boot/vmlinuz-$version"
[ -e "boot/initrd.img-$version" ] ||
  fail "there is no /boot/initrd.img-$version: make it with a hook, with OSTree's dracut module"
mv "boot/vmlinuz-$version" "$modules/vmlinuz"
mv "boot/initrd.img-$version" "$modules/initramfs.img"
rm -f vmlinuz vmlinuz.old initrd.img initrd.img.old
find boot -mindepth 1 -delete

# Where package managers keep what is installed: a fact of the commit, so it goes where the commit is.
if [ -d var/lib/dpkg ]; then
  mkdir -p usr/lib/sysimage
  mv var/lib/dpkg usr/lib/sysimage/dpkg
fi

# /var belongs to the machine. systemd-tmpfiles makes at each boot what is missing of what the packages expect there.
conf=usr/lib/tmpfiles.d/osmith-var.conf
mkdir -p usr/lib/tmpfiles.d usr/share/factory
{
  echo "# Made by Osmith from the packages' /var."
  [ ! -d usr/lib/sysimage/dpkg ] || echo "L /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg"
  for dir in home opt srv; do echo "d /var/$dir 0755 root root -"; done
  echo "d /var/roothome 0700 root root -"
  echo "d /var/usrlocal 0755 root root -"
  for dir in bin etc games include lib man sbin share src; do echo "d /var/usrlocal/$dir 0755 root root -"; done
} > "$conf"
find var/cache var/tmp var/log -mindepth 1 -type f -delete 2> /dev/null || true
find var -mindepth 1 \( -name '*[[:space:]%"]*' -prune \) -o -type d -printf 'd "/%p" %m %U %G -\n' |
  LC_ALL=C sort >> "$conf"
find var -mindepth 1 -type l ! -name '*[[:space:]%"]*' -printf 'L "/%p" - - - - %l\n' | LC_ALL=C sort >> "$conf"
find var -mindepth 1 -type f ! -name '*[[:space:]%"]*' | LC_ALL=C sort | while read -r file; do
  mkdir -p "usr/share/factory/${file%/*}"
  mv "$file" "usr/share/factory/$file"
  echo "C \"/$file\" - - - -"
done >> "$conf"
find var -mindepth 1 -delete

# The commit's /etc is the default that a machine's own is merged with.
[ ! -e usr/etc ] || fail "there is a /usr/etc already"
mv etc usr/etc

# Links to where the machine's own things are.
place() { # LINK TARGET
  [ -L "$1" ] || rm -rf "$1"
  ln -sfn "$2" "$1"
}
rm -rf sysroot ostree
mkdir -p sysroot
place ostree sysroot/ostree
place home var/home
place root var/roothome
place opt var/opt
place srv var/srv
place usr/local ../var/usrlocal
for dir in dev proc run sys tmp mnt media; do
  mkdir -p "$dir"
  find "$dir" -mindepth 1 -delete
done
chmod 1777 tmp
