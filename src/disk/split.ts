/** Systems on two disks: names of what lies where, and the units that bring both together at boot. */

/** Where the running system has the second disk. */
const MOUNT = '/var/osmith-extra';

/** systemd.unit(5), "String Escaping for Inclusion in Unit Names". */
export function unitName(path: string): string {
  const escaped = path
    .slice(1)
    .replace(/[^A-Za-z0-9:_./]|^\./g, (each) =>
      [...Buffer.from(each)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
    )
    .replaceAll('/', '-');
  return `${escaped}.mount`;
}

function unit(description: string, more: readonly string[], mount: readonly string[]): string {
  const head = ['[Unit]', `Description=${description}`, 'Before=local-fs.target', ...more];
  return [...head, '', '[Mount]', ...mount, '', '[Install]', 'WantedBy=local-fs.target', ''].join('\n');
}

/** By name: one that mounts the disk, and one for each directory, at its place. */
export function splitUnits(uuid: string, directories: readonly string[]): Map<string, string> {
  const device = `/dev/disk/by-uuid/${uuid}`;
  const check = `systemd-fsck@${unitName(device).replace(/\.mount$/, '.service')}`;
  const disk = unit(
    'Second disk of the system',
    [`Requires=${check}`, `After=${check}`],
    [`What=${device}`, `Where=${MOUNT}`, 'Type=ext4'],
  );
  const binds = directories.map((directory): [string, string] => [
    unitName(directory),
    unit(
      `${directory} on the second disk`,
      [`RequiresMountsFor=${MOUNT}`],
      [`What=${MOUNT}${directory}`, `Where=${directory}`, 'Type=none', 'Options=bind'],
    ),
  ]);
  return new Map([[unitName(MOUNT), disk], ...binds]);
}
