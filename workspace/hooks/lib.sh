# Functions for hooks that are not executable: bash sources this file, then the hook.
# A hook's world: the tree at $OSMITH_TREE, declared data at $OSMITH_DATA, scratch space at $OSMITH_WORK.

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
