#!/bin/sh
# Osmith's live system, in the initramfs of the system itself: finds the medium that the machine was started from, and
# prepares what sysroot.mount makes a root file system of: that of the disk image on the medium, which stays as it is,
# below a tmpfs, which takes what is written.
#
#   /run/osmith-live/medium   the medium: osmith/disk.squashfs is the image to install
#   /run/osmith-live/image    disk.raw, unpacked as it is read
#   /run/osmith-live/root     its root file system, read-only
#   /run/osmith-live/rw       what was written
#
# osmith-live.conf, written by the build, says: medium (a file that only this medium has), start and size of the root
# file system on the disk.

. /osmith-live.conf

state=/run/osmith-live
mkdir -p $state/medium $state/image $state/root $state/rw

fail() {
  echo "osmith-live: $*" >&2
  exit 1
}

modprobe -a loop isofs squashfs overlay ext4

# CD drives and USB sticks take their time.
look() {
  for device in $(blkid -c /dev/null -t TYPE=iso9660 -o device); do
    mount -t iso9660 -o ro "$device" $state/medium 2> /dev/null || continue
    [ -e "$state/medium/$medium" ] && return 0
    umount $state/medium
  done
  return 1
}
until look; do
  [ $((tries += 1)) -lt 300 ] || fail "the medium that this system was started from cannot be found"
  sleep 1
done

mount -t squashfs -o loop,ro $state/medium/osmith/disk.squashfs $state/image \
  || fail "the disk image on the medium cannot be read"
# noload: the journal cannot be written to.
mount -t ext4 -o "loop,ro,noload,offset=$start,sizelimit=$size" $state/image/disk.raw $state/root \
  || fail "the root file system in the disk image cannot be mounted"
mount -t tmpfs -o mode=0755,size=50% osmith-live $state/rw || fail "there is no memory to write to"
mkdir $state/rw/upper $state/rw/work
