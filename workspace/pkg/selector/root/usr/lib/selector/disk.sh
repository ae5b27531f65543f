# Sourced: finds disks by what is on them, with the names that this kernel gives them.

# The device of a disk that has a file system, which may show up late.
# find_disk FILE_SYSTEM
find_disk() {
  for second in $(seq 30); do
    found=$(findfs "UUID=$1" 2> /dev/null) && break
    sleep 1
  done
  [ -n "$found" ] && echo "/dev/$(basename "$(realpath "/sys/class/block/${found##*/}/..")")"
}

# The device of a partition.
# partition_of DISK NUMBER
partition_of() {
  for uevent in "/sys/class/block/${1##*/}"/*/uevent; do
    grep -q "^PARTN=$2$" "$uevent" && sed -n 's|^DEVNAME=|/dev/|p' "$uevent"
  done
}
