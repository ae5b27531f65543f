# Sourced: GUID partition tables, and the slots in them that a machine boots from (docs/slots.md).

# Slots have this type. Their attributes are: bits 48 to 51 the priority, 52 to 55 the tries left, 56 successful.
SLOT_TYPE=5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6

# Sectors of a table, with the entries of 128 partitions.
TABLE=33

# gpt_bytes DISK
gpt_bytes() {
  if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -L -c %s "$1"; fi
}

# Copies sectors to the same place in another file, and waits until they are on the medium.
# gpt_copy FROM TO SKIP SEEK COUNT
gpt_copy() {
  dd if="$1" of="$2" bs=512 skip="$3" seek="$4" count="$5" conv=notrunc,fsync 2> /dev/null
}

# Changes the tables of a disk: sfdisk does so in a copy of them, which is written one table after the other. A cut of
# power at any moment leaves one that is whole, with the old contents or the new.
# gpt_edit DISK COMMAND...   (COMMAND gets the name of the copy as its last argument)
gpt_edit() {
  gpt_disk=$1
  shift
  gpt_file=$(mktemp) || return
  gpt_last=$(($(gpt_bytes "$gpt_disk") / 512 - TABLE))
  truncate -s "$(gpt_bytes "$gpt_disk")" "$gpt_file"
  gpt_copy "$gpt_disk" "$gpt_file" 0 0 $((TABLE + 1)) && gpt_copy "$gpt_disk" "$gpt_file" "$gpt_last" "$gpt_last" "$TABLE" || return
  # A table that is damaged already goes first, so that the other one stays.
  gpt_order='second first'
  sfdisk --verify "$gpt_file" 2>&1 | grep -q 'primary GPT table is corrupt' && gpt_order='first second'
  "$@" "$gpt_file" > /dev/null || { rm "$gpt_file"; return 1; }
  for gpt_table in $gpt_order; do
    case $gpt_table in
      first) gpt_copy "$gpt_file" "$gpt_disk" 0 0 $((TABLE + 1)) ;;
      second) gpt_copy "$gpt_file" "$gpt_disk" "$gpt_last" "$gpt_last" "$TABLE" ;;
    esac || return
  done
  rm "$gpt_file"
}

# The slots of a disk, a line each: NUMBER PRIORITY TRIES SUCCESSFUL ATTRIBUTES. The attributes are in the words that
# sfdisk takes, without those that count tries.
# gpt_slots DISK
gpt_slots() {
  sfdisk --dump "$1" 2> /dev/null | awk -v type="type=$SLOT_TYPE" '
    function bits(from, to,  bit, value, weight) {
      weight = 1
      for (bit = from; bit <= to; bit++) { if (bit in set) value += weight; weight *= 2 }
      return value + 0
    }
    index($0, type) {
      number = $1
      sub(/.*[^0-9]/, "", number)
      words = ""
      split("", set)
      if (match($0, /attrs="[^"]*"/)) {
        count = split(substr($0, RSTART + 7, RLENGTH - 8), attribute, /[ ,]/)
        for (i = 1; i <= count; i++) {
          word = attribute[i]
          sub(/^GUID:/, "", word)
          if (word ~ /^[0-9]+$/) { set[word + 0]; word = "GUID:" word }
          if (word !~ /^GUID:5[2-5]$/) words = words "," word
        }
      }
      print number, bits(48, 51), bits(52, 55), bits(56, 56), substr(words, 2)
    }'
}

# What may be booted, best first: the highest priority that has tries left or was successful; of equals the first.
# gpt_candidates DISK
gpt_candidates() {
  gpt_slots "$1" | awk '$2 > 0 && ($3 > 0 || $4 > 0)' | sort -k2,2nr -k1,1n
}

# The words for so many tries.
# gpt_tries COUNT
gpt_tries() {
  gpt_bit=52
  gpt_left=$1
  while [ "$gpt_left" -gt 0 ]; do
    [ $((gpt_left % 2)) = 0 ] || printf ',GUID:%s' "$gpt_bit"
    gpt_left=$((gpt_left / 2)) gpt_bit=$((gpt_bit + 1))
  done
}

# gpt_set_attributes NUMBER ATTRIBUTES FILE
gpt_set_attributes() {
  sfdisk --quiet --no-reread --no-tell-kernel --part-attrs "$3" "$1" "$2"
}

# One try less.
# gpt_use_try DISK NUMBER TRIES ATTRIBUTES
gpt_use_try() {
  gpt_words=$4$(gpt_tries $(($3 - 1)))
  gpt_edit "$1" gpt_set_attributes "$2" "${gpt_words#,}"
}
