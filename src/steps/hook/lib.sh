# Functions for hooks that are not executable: bash sources this file, then the workspace's own hooks/lib.sh if there is
# one, then the hook. A hook's world: the tree at $OSMITH_TREE, declared data at $OSMITH_DATA, scratch space at
# $OSMITH_WORK, fragments of the manifest in $OSMITH_MANIFEST.

# install_file MODE SOURCE DESTINATION: copies a file into the tree, owned by root.
install_file() {
  install -D -o 0 -g 0 -m "$1" "$2" "$OSMITH_TREE/$3"
}

# write_file DESTINATION: writes standard input to a file of the tree.
write_file() {
  install -D -o 0 -g 0 -m 644 /dev/stdin "$OSMITH_TREE/$1"
}

# empty_dirs DIRECTORY...: removes what is in directories of the tree, not the directories.
empty_dirs() {
  local dir
  for dir; do
    [ ! -d "$OSMITH_TREE/$dir" ] || find "$OSMITH_TREE/$dir" -mindepth 1 -delete
  done
}

# recreate_dir DIRECTORY: an empty directory, whatever was there.
recreate_dir() {
  rm -rf "$1" && mkdir -p "$1"
}

# manifest_fragment NAME: standard input, a JSON object, becomes part of the manifest.
manifest_fragment() {
  install -D -m 644 /dev/stdin "$OSMITH_MANIFEST/$1"
}

# artifact EXTENSION: path of the artifact with this extension, such as raw.xz.
artifact() {
  local path
  for path in "$OSMITH_ARTIFACTS"/*."$1"; do
    [ ! -e "$path" ] || { printf '%s\n' "$path"; return; }
  done
  echo "there is no artifact *.$1" >&2
  return 1
}

# retry COMMAND...: up to $RETRY_ATTEMPTS times (10), $RETRY_INTERVAL seconds apart (1).
retry() {
  local attempts=${RETRY_ATTEMPTS:-10} interval=${RETRY_INTERVAL:-1} try
  [ $# -gt 0 ] || { echo 'retry: no command given' >&2; return 1; }
  for ((try = 1; ; try++)); do
    if "$@"; then return 0; fi
    if ((try >= attempts)); then
      echo "$* failed $attempts times; giving up" >&2
      return 1
    fi
    echo "$* failed; retrying..." >&2
    sleep "$interval"
  done
}

# uid_of NAME, gid_of NAME: numbers of a user and a group of the tree.
uid_of() { _id_of passwd "$1"; }
gid_of() { _id_of group "$1"; }
_id_of() {
  local file number
  for file in "$OSMITH_TREE"/{usr/lib,lib,etc}/"$1"; do
    [ -f "$file" ] || continue
    number=$(awk -F: -v name="$2" '$1 == name { print $3; exit }' "$file")
    [ -z "$number" ] || { printf '%s\n' "$number"; return; }
  done
  echo "the tree has no entry $2 in $1" >&2
  return 1
}

# locale_to_iso_639_1 LOCALE: es_GT.utf8@euro becomes es-GT.
locale_to_iso_639_1() {
  local locale=${1%%@*}
  locale=${locale%%.*}
  printf '%s\n' "${locale/_/-}"
}

# checksum_file FILE [OUT [TARGET]]: writes `SHA256  TARGET` to OUT, by default FILE.sha256 about FILE's name.
checksum_file() {
  local sum
  sum=$(sha256sum < "$1")
  printf '%s  %s\n' "${sum%% *}" "${3:-${1##*/}}" > "${2:-$1.sha256}"
}

# sign_file KEY FILE [OUT]: a detached, armoured signature in OUT, by default FILE.asc. Needs `credentials gpg`.
# Without a key it does nothing.
sign_file() {
  [ -z "$1" ] || gpg --batch --yes --armor --local-user "$1" --output "${3:-$2.asc}" --detach-sign "$2"
}

# compress FILE OUT: by the extension of OUT; the same bits every time.
compress() {
  case $2 in
    *.xz) xz -T0 -4 --stdout "$1" ;;
    *.zst) zstd -T0 --quiet --stdout "$1" ;;
    *.gz) gzip --no-name --stdout "$1" ;;
    *) echo "compress: do not know how to make $2" >&2; return 1 ;;
  esac > "$2"
}
