# Sourced: starts what is in a slot.

# Tells why nothing can be started, and tries again from the beginning.
stop() {
  say "$*"
  say 'the machine is started again in 30 seconds'
  sleep 30
  reboot -f
}

# What mounts the root under the slot's own kernel: its modules for what is there now, and where to look.
# make_initrd NUMBER FILE
make_initrd() {
  rm -rf /next
  mkdir -p /next/bin /next/modules /next/root /next/dev /next/proc /next/sys
  cp /usr/bin/busybox /next/bin/busybox
  for applet in sh mount umount seq sleep findfs basename realpath grep sed insmod switch_root reboot; do
    ln -s busybox "/next/bin/$applet"
  done
  cp /usr/lib/selector/disk.sh /next/disk.sh
  cp /usr/lib/selector/mount-root /next/init
  printf 'esp=%s\nnumber=%s\n' "$esp" "$1" > /next/slot
  version=$(ls /slot/lib/modules | head -n 1)
  # Debian's own, which reads another kernel's modules; busybox has the name.
  ln -sf /usr/bin/kmod /run/modprobe
  order=100
  lsmod | awk 'NR > 1 { print $1 }' | xargs /run/modprobe -d /slot -S "$version" -aD 2> /dev/null | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    order=$((order + 1))
    name=$order-$(basename "$file")
    case $file in
      *.xz) xz -dc "$file" > "/next/modules/${name%.xz}" ;;
      *.gz) gzip -dc "$file" > "/next/modules/${name%.gz}" ;;
      *) cp "$file" "/next/modules/$name" ;;
    esac
  done
  (cd /next && find . | cpio -o -H newc 2> /dev/null) > "$2"
}

# Starts the kernel of a slot; returns if it cannot be started.
# start DISK NUMBER WORDS
start() {
  slot=$(partition_of "$1" "$2")
  if ! mount -o ro "$slot" /slot; then
    say "$slot holds no file system"
    return 1
  fi
  name=$(sed -n 's/^PARTNAME=IMG//p' "/sys/class/block/${slot##*/}/uevent" | tr AB ab)
  # The agent leaves a record at the end of what it wrote.
  last=$(($(blockdev --getsize64 "$slot") / 4096 - 1))
  build=$(dd if="$slot" bs=4096 skip="$last" count=1 2> /dev/null | sed -n 's/^# build /osmith.build=/p')
  make_initrd "$2" /run/initrd
  words="$(cat /slot/boot/cmdline) root=PARTUUID=$(sfdisk --part-uuid "$1" "$2") osmith.slot=$name $build $3"
  # Kernels without kexec_file_load, which checks signatures, have the older call: never when Secure Boot locks them down.
  kexec --kexec-syscall-auto --load /slot/boot/kernel --initrd=/run/initrd --command-line="$words"
  loaded=$?
  umount /slot
  if [ "$loaded" != 0 ]; then
    say "the kernel in $slot is refused"
    return 1
  fi
  sync
  kexec --exec
}
