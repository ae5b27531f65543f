# Runs a hook that is not a program: its functions come from the files named as arguments.
for _lib; do . "$_lib"; done
set --
unset _lib
. /in/hook
