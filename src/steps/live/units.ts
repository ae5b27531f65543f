/** What starts the live system in an initramfs that systemd runs. */

const SCRIPT = 'osmith-live.sh';

const SERVICE = `[Unit]
Description=Find the medium of the live system
DefaultDependencies=no
After=systemd-udevd.service systemd-udev-trigger.service
Wants=systemd-udev-trigger.service
OnFailure=emergency.target
OnFailureJobMode=isolate

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
StandardOutput=journal+console
StandardError=journal+console
ExecStart=/bin/sh /${SCRIPT}
`;

/** In place of what systemd makes of \`root=\`. */
const MOUNT = `[Unit]
Description=The live system's root file system
DefaultDependencies=no
Requires=osmith-live.service
After=osmith-live.service
Before=initrd-root-fs.target

[Mount]
What=osmith-live
Where=/sysroot
Type=overlay
Options=lowerdir=/run/osmith-live/root,upperdir=/run/osmith-live/rw/upper,workdir=/run/osmith-live/rw/work
`;

/** Paths in the initramfs to texts. */
export function liveFiles(script: Buffer, settings: Record<string, string | number>): Map<string, Buffer> {
  const conf = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  return new Map([
    [SCRIPT, script],
    ['osmith-live.conf', Buffer.from(conf.join(''))],
    ['etc/systemd/system/osmith-live.service', Buffer.from(SERVICE)],
    ['etc/systemd/system/sysroot.mount', Buffer.from(MOUNT)],
  ]);
}

/** Links in the initramfs. */
export const LIVE_LINKS = new Map([
  ['etc/systemd/system/initrd-root-fs.target.requires/sysroot.mount', '../sysroot.mount'],
]);

/** What cannot be done there: the root file system has neither a partition nor a size. */
const MASKED = ['systemd-repart.service', 'systemd-growfs@var.service'];

/** Partitions of the machine's own disks are none of the live system's business. */
const NO_GUESSES = ['rd.systemd.gpt_auto=no', 'systemd.gpt_auto=no'];

/**
 * Each start is a first one, for which OSTree wants caches made again: those of the image will do. And what else comes
 * from the medium makes devices wait.
 */
const SLOW_MEDIUM = ['systemd.condition_needs_update=no', 'systemd.default_device_timeout_sec=300'];

/** The command line of the live system: that of the installed one, but for where its root file system is. */
export function liveCmdline(options: string): string {
  const words = options.split(/\s+/).filter((word) => word !== '' && !word.startsWith('root='));
  const more = [...MASKED.map((unit) => `systemd.mask=${unit}`), ...NO_GUESSES, ...SLOW_MEDIUM];
  return [...words, ...more].join(' ');
}
