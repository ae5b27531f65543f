/**
 * What runs on the other machine, in any POSIX shell. The texts are constant: paths and data arrive on standard input,
 * so that no name is ever read as a command. They hold no single quote: they are handed over within such.
 */

/** Exit codes. 255 is ssh's own. */
export const EXITS = { absent: 3, failed: 4, moved: 5, mismatch: 6, held: 8, tooLarge: 9, lost: 10 } as const;

/** `sync -f` knows the file system; without it everything is synced. */
const PRELUDE = String.raw`
set -u
export LC_ALL=C
unset CDPATH
umask 022
fail() { echo "$1" >&2; exit ${EXITS.failed}; }
bytes() { if [ -f "$1" ]; then wc -c < "$1"; else echo 0; fi; }
is() { [ -f "$1" ] && [ "$(bytes "$1")" -eq "$size" ] && [ "$(sha256sum < "$1" | cut -c 1-64)" = "$sha256" ]; }
parents() { mkdir -p -- "$(dirname -- "$path")" "$(dirname -- "$part")" || exit ${EXITS.failed}; }
durable() { sync -f . 2>/dev/null || sync || exit ${EXITS.failed}; }
put() {
  [ ! -d "$path" ] || { rm -f -- "$part"; fail "$path is a directory"; }
  is "$part" || { rm -f -- "$part"; exit ${EXITS.mismatch}; }
  chmod 644 -- "$part" || exit ${EXITS.failed}
  [ -z "$holder" ] || [ "$(cat "$name/.lock")" = "$holder" ] || exit ${EXITS.lost}
  mv -f -- "$part" "$path" || exit ${EXITS.failed}
}
enter() { [ -d "$root" ] || exit ${EXITS.absent}; cd -- "$root" || exit ${EXITS.failed}; }
make() { [ -d "$root" ] || mkdir -- "$root" || exit ${EXITS.failed}; enter; }
for what in root name holder; do IFS= read -r "$what" || exit ${EXITS.failed}; done
`;

function script(names: string[], body: string): string {
  const read = names.map((name) => `IFS= read -r ${name} || exit ${EXITS.failed}\n`).join('');
  return `${PRELUDE}${read}${body}`;
}

/** Says `locked`, then holds the lock until its standard input ends, which it does when the connection breaks. */
export const LOCK = script(
  [],
  String.raw`
command -v flock >/dev/null || fail "flock is missing there (package util-linux)"
make
mkdir -p -- "$name" || exit ${EXITS.failed}
exec 9>>"$name/.lock" || exit ${EXITS.failed}
flock -n 9 || exit ${EXITS.held}
printf %s "$holder" > "$name/.lock" || exit ${EXITS.failed}
# One that was killed had just made them, or just emptied them.
for dir in "$name"/*/; do rmdir -- "$dir" 2>/dev/null || :; done
echo locked
exec cat >/dev/null
`,
);

/** Says `there`, or how much of the file was sent before. */
export const LOOK = script(
  ['path', 'size', 'sha256', 'part'],
  String.raw`
[ -d "$root" ] || { echo 0; exit 0; }
enter
[ ! -d "$path" ] || fail "$path is a directory"
if is "$path"; then echo there; else bytes "$part"; fi
`,
);

/** Takes the rest of a file, and puts it in its place if it is what it must be. */
export const SEND = script(
  ['path', 'size', 'sha256', 'part', 'offset'],
  String.raw`
make
parents
[ "$(bytes "$part")" -eq "$offset" ] || exit ${EXITS.moved}
cat >> "$part" || exit ${EXITS.failed}
[ "$(bytes "$part")" -ge "$size" ] || exit ${EXITS.moved}
put
`,
);

/** Everything before it is on the disk before it appears; what was begun and never finished goes after that. */
export const COMMIT = script(
  ['path', 'size', 'sha256', 'part'],
  String.raw`
make
parents
cat > "$part" || exit ${EXITS.failed}
durable
put
durable
rm -rf -- "$name/.unfinished"
`,
);

export const READ = script(
  ['path', 'limit'],
  String.raw`
enter
[ -e "$path" ] || exit ${EXITS.absent}
[ -f "$path" ] || fail "$path is no file"
[ "$(bytes "$path")" -le "$limit" ] || exit ${EXITS.tooLarge}
exec cat < "$path"
`,
);

/** For those who only look: what is no file is none. */
export const GET = script(
  ['path'],
  String.raw`
enter
[ -f "$path" ] || exit ${EXITS.absent}
exec cat < "$path"
`,
);

/** A line for each name in a directory. */
export const NAMES = script(
  ['path'],
  String.raw`
enter
[ -d "$path" ] || exit ${EXITS.absent}
exec ls -1A -- "$path"
`,
);

/** A line for each file: size and path. */
export const LIST = script(
  ['path'],
  String.raw`
enter
[ -d "$path" ] || exit ${EXITS.absent}
find "./$path" "(" -name .unfinished -o -name .lock ")" -prune -o ! -type d -exec stat -L -c "%s %n" "{}" + || :
`,
);

export const REMOVE = script(
  [],
  String.raw`
[ -d "$root" ] || exit 0
enter
[ -z "$holder" ] || [ "$(cat "$name/.lock")" = "$holder" ] || exit ${EXITS.lost}
while IFS= read -r path; do
  rm -f -- "$path" || exit ${EXITS.failed}
  dir=$(dirname -- "$path")
  while [ "$dir" != . ] && rmdir -- "$dir" 2>/dev/null; do dir=$(dirname -- "$dir"); done
done
`,
);
