# Sourced, after gpt.sh: what a disk lacks at its first start.

PERSIST_TYPE=5F24425A-2DFA-11E8-A270-7B663FACCC2C

# Says that a partition is new: it is formatted at the next chance, and then it no longer says so. All changes to the table
# are one, so a cut of power leaves it as it was or with everything.
GPT_NEW=GUID:48

# Identities of the three partitions on disks that are made by layouts.
FIXED=AD6871EE-31F9-4CF3-9E09-6F7A25C3

# Start, size, type or uuid of a partition.
# gpt_field NAME FIELD FILE
gpt_field() {
  sfdisk --dump "$3" 2> /dev/null | sed -n "/name=\"$1\"/s/.*[ ,]$2= *\([^,]*\).*/\1/p"
}

# gpt_number NAME FILE
gpt_number() {
  sfdisk --dump "$2" 2> /dev/null | sed -n "s/^[^ ]*[^0-9]\([0-9]*\) :.*name=\"$1\".*/\1/p"
}

# The second slot and what is kept, behind each other in the largest free space.
# gpt_add_rest FILE
gpt_add_rest() {
  sfdisk --quiet --relocate gpt-bak-std "$1" || return
  number=$(gpt_number IMGA "$1")
  size=$(gpt_field IMGA size "$1")
  first=$(sfdisk --quiet --list-free --output Start,Sectors "$1" |
    awk 'NR > 1 && $2 > most { most = $2; start = $1 } END { print int((start + 2047) / 2048) * 2048 }')
  imgb='' persist=''
  if [ "$(gpt_field IMGA uuid "$1")" = "${FIXED}0052" ]; then
    imgb=", uuid=${FIXED}0053" persist=", uuid=${FIXED}0059"
  fi
  sfdisk --quiet --no-reread --no-tell-kernel --wipe never --append "$1" << END
$((number + 1)) : start=$first, size=$size, type=$SLOT_TYPE, name="IMGB"$imgb
$((number + 7)) : start=$((first + size)), size=+, type=$PERSIST_TYPE, name="P3", attrs="$GPT_NEW"$persist
END
}

# gpt_first_start DISK
gpt_first_start() {
  [ -n "$(gpt_number IMGA "$1")" ] && [ -z "$(gpt_number IMGB "$1")$(gpt_number P3 "$1")" ] || return 0
  gpt_edit "$1" gpt_add_rest
}
