#!/bin/busybox sh
# Osmith's early init: the first program of a system that runs from memory.
#
# The initrd that holds this script also holds the whole system as one read-only image, /root.img. This script mounts
# it and hands over to the system's own init:
#
#   /                  overlay: the image below, a tmpfs above; every boot starts from the unchanged image
#   /usr               the image's own /usr: read-only
#   /run/initramfs/osmith/image, rw   the image and the tmpfs, for root only (tools such as usr-overlay use them).
#                      systemd leaves what is below /run/initramfs alone at shutdown.
#
# Kernel command line (rootfstype=ramfs lets the kernel fill all of memory with the initrd, not just half of it):
#   osmith.root=overlay|ro   ro: / is the image itself; /etc /var /root /home are overlays, /tmp is a tmpfs
#   osmith.usr=ro|overlay    overlay: /usr is writable
#   osmith.tmpfs=SIZE        limit of what can be written, in mount's terms (`50%`, `512m`); default 50%
#   osmith.fail=poweroff|reboot|panic|shell   what to do when the system cannot start; default poweroff
#   init=PATH                the system's init; default /sbin/init
#
# /etc/osmith.conf, written by the build, sets the defaults: format, root.
# /etc/modules lists the kernel modules to load, in order; a leading `-` marks one that may fail.

PATH=/bin
export PATH
/bin/busybox --install -s /bin

state=/run/initramfs/osmith
target=/sysroot
root=overlay usr=ro size=50% on_fail=poweroff init=/sbin/init

# Kernel messages reach every console, whatever `quiet` says; before /dev is there only our own output does.
say() {
  if [ -c /dev/kmsg ]; then
    echo "<1>osmith-init: $*" > /dev/kmsg
  else
    echo "osmith-init: $*"
  fi
}

fail() {
  say "$*"
  say "The system cannot start: $on_fail"
  sleep 3 # lets slow consoles finish and people read
  case $on_fail in
    shell) setsid cttyhack sh; reboot -f ;;
    reboot) reboot -f ;;
    panic) ;;
    *) poweroff -f ;;
  esac
  exit 1 # the kernel panics when its first program ends: never a silent hang
}

try() {
  reason=$("$@" 2>&1) || fail "$* failed: $reason"
}

# overlay LOWER NAME TARGET: the upper directory becomes the visible one, so it takes over owner and mode.
overlay() {
  try mkdir -p "$state/rw/$2/upper" "$state/rw/$2/work"
  try chmod "$(stat -c %a "$1")" "$state/rw/$2/upper"
  try chown "$(stat -c %u:%g "$1")" "$state/rw/$2/upper"
  try mount -t overlay -o "lowerdir=$1,upperdir=$state/rw/$2/upper,workdir=$state/rw/$2/work" "osmith-$2" "$3"
}

try mount -t proc -o nosuid,nodev,noexec proc /proc
try mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
try mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
# The options that systemd itself uses; it keeps a /run that it finds.
try mount -t tmpfs -o nosuid,nodev,mode=0755,size=20%,nr_inodes=800k tmpfs /run

. /etc/osmith.conf
for word in $(cat /proc/cmdline); do
  case $word in
    osmith.root=*) root=${word#*=} ;;
    osmith.usr=*) usr=${word#*=} ;;
    osmith.tmpfs=*) size=${word#*=} ;;
    osmith.fail=*) on_fail=${word#*=} ;;
    init=*) init=${word#*=} ;;
  esac
done
case $root in overlay | ro) ;; *) fail "osmith.root=$root: must be overlay or ro" ;; esac
case $usr in overlay | ro) ;; *) fail "osmith.usr=$usr: must be overlay or ro" ;; esac

while read -r module; do
  case $module in
    -*) insmod "/lib/modules/${module#-}.ko" 2> /dev/null ;;
    *) try insmod "/lib/modules/$module.ko" ;;
  esac
done < /etc/modules

# The archive's last file: it is missing when the initrd was cut off, or did not fit into memory.
if [ ! -e /complete ]; then
  say "the initrd is incomplete; this machine has $(sed -n 's/^MemTotal: *//p' /proc/meminfo) of memory"
  fail "give it more memory; with rootfstype=ramfs on the kernel command line less is enough"
fi
try mkdir -p "$state/image" "$state/rw"
try chmod 0700 "$state"
try mount -t "$format" -o loop,ro /root.img "$state/image"
try mount -t tmpfs -o "mode=0755,size=$size" osmith-rw "$state/rw"

if [ "$root" = ro ]; then
  try mount -o bind "$state/image" "$target"
  # systemd leaves alone at shutdown what libmount's table says the initrd mounted; else it fails on a busy /var.
  try mkdir -p /run/mount
  for dir in etc var root home; do
    [ -d "$target/$dir" ] || continue
    overlay "$state/image/$dir" "$dir" "$target/$dir"
    echo "SRC=osmith-$dir TARGET=/$dir ROOT=/ OPTS=x-initrd.mount" >> /run/mount/utab
  done
  try mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$target/tmp"
else
  overlay "$state/image" root "$target"
fi
if [ "$usr" = overlay ]; then
  overlay "$state/image/usr" usr "$target/usr"
else
  try mount -o bind "$state/image/usr" "$target/usr"
fi

[ -e "$target$init" ] || [ -L "$target$init" ] || fail "the root image has no $init"
for dir in proc sys dev run; do
  try mount -o move "/$dir" "$target/$dir"
done
# Empties the first root file system; the loop device keeps the deleted image.
exec switch_root "$target" "$init" "$@"
