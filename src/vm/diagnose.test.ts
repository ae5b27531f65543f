import { describe, expect, it } from 'vitest';
import { diagnose, finalFailure } from './diagnose.ts';

const BDS = `BdsDxe: loading Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x1,0x0)
BdsDxe: starting Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x1,0x0)
`;

/** Ends of console logs of real machines. */
const LOGS: Record<string, [log: string, kind: string, sentence: RegExp]> = {
  'shim with a wrong bit': [
    `BdsDxe: loading Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x1,0x0)
BdsDxe: failed to load Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x1,0x0): Access Denied
BdsDxe: No bootable option or device was found.
BdsDxe: Press any key to enter the Boot Manager Menu.
`,
    'refused-shim',
    /the firmware refused the first boot loader/,
  ],
  'GRUB with a wrong bit': [
    `${BDS}│                                    ERROR                                     │
│                 Verification failed: (0x1A) Security Violation                │
└ OK ┘`,
    'refused-grub',
    /shim refused GRUB/,
  ],
  'a kernel with a wrong bit': [
    `${BDS}  Booting \`dev (a)'

Loading
error: bad shim signature.
error: you need to load the kernel first.

Press any key to continue...`,
    'refused-kernel',
    /refused the kernel/,
  ],
  'a disk without a kernel': [
    `  Booting \`dev (a)'
Loading
error: file \`/osmith/a/vmlinuz' not found.
error: you need to load the kernel first.
Press any key to continue...
  Failed to boot both default and fallback entries.
`,
    'grub-error',
    /file `\/osmith\/a\/vmlinuz' not found/,
  ],
  'no grub.cfg': [
    `                             GNU GRUB  version 2.12-9+deb13u2

   Minimal BASH-like line editing is supported. For the first word, TAB
   lists possible command completions.


grub> `,
    'grub-prompt',
    /stopped at its prompt/,
  ],
  'a BIOS and an empty disk': [
    `SeaBIOS (version 1.16.2-debian-1.16.2-1)
Booting from Hard Disk...
Boot failed: not a bootable disk

Booting from Floppy...
Boot failed: could not read the boot disk

No bootable device.
`,
    'no-boot-device',
    /nothing to boot from/,
  ],
  'UEFI and an empty disk': [
    `EDK II
UEFI v2.70 (EDK II, 0x00010000)
Mapping table
     BLK0: Alias(s):
          PciRoot(0x0)/Pci(0x1,0x0)
Shell> `,
    'no-boot-device',
    /nothing to boot from/,
  ],
  'too little memory for GRUB to hand over': [
    `  Booting \`dev (a)'
Loading
EFI stub: ERROR: Failed to load initrd: 0x8000000000000009
EFI stub: ERROR: efi_stub_entry() failed!
Application failed, r = 9
error: image not loaded.
  Failed to boot both default and fallback entries.
`,
    'memory',
    /too little memory/,
  ],
  'too little memory to unpack': [
    `[    0.000000] Linux version 6.12.107+deb13-amd64
[    0.856628] Trying to unpack rootfs image as initramfs...
[    1.037639] Initramfs unpacking failed: write error
[    2.309171] loop0: detected capacity change from 0 to 217872
[    2.400000] osmith-init: mount -t squashfs -o loop,ro /root.img failed: Invalid argument
[    2.400001] osmith-init: The system cannot start: poweroff
[    4.349290] reboot: Power down
`,
    'initramfs',
    /could not unpack the initrd: write error/,
  ],
  'the early init': [
    `[    0.000000] Linux version 6.12.107+deb13-amd64
[    2.400000] osmith-init: insmod /lib/modules/overlay.ko failed: not found
[    2.400001] osmith-init: The system cannot start: poweroff
[    4.349290] reboot: Power down
`,
    'early-init',
    /gave up: insmod \/lib\/modules\/overlay\.ko failed: not found$/,
  ],
  'no initrd': [
    `[    0.000000] Linux version 6.12.107+deb13-amd64
[    2.462774] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
`,
    'no-root',
    /no root file system/,
  ],
  'a panic': [
    `[    0.000000] Linux version 6.12.107+deb13-amd64
[    2.448533] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00
[    2.449034] CPU: 0 UID: 0 PID: 1 Comm: init Not tainted 6.12.107+deb13-amd64 #1
`,
    'panic',
    /panicked: Attempted to kill init! exitcode=0x00007f00$/,
  ],
  'emergency mode': [
    `[    0.000000] Linux version 6.12.107+deb13-amd64
You are in emergency mode. After logging in, type "journalctl -xb" to view
system logs, "systemctl reboot" to reboot, or "exit"
to continue bootup.

Cannot open access to console, the root account is locked.
See sulogin(8) man page for more details.

Press Enter to continue.
`,
    'emergency',
    /emergency mode/,
  ],
  'a KVM that cannot': [
    `Probing EDD (edd=off to disable)... ok
KVM internal error. Suberror: 1
emulation failure
`,
    'kvm',
    /KVM cannot run this guest/,
  ],
};

describe('diagnose', () => {
  it.each(Object.entries(LOGS))('%s', (_, [log, kind, sentence]) => {
    const found = diagnose(log, 'timeout', 60);
    expect(found).toMatchObject({ kind });
    expect(found.sentence).toMatch(sentence);
  });

  it.each([
    ['nothing at all', '\n', 'timeout', 'silent', /nothing on its serial console within 60 s/],
    ['nothing, then off', '', 'ended', 'silent', /nothing on its serial console and switched itself off/],
    ['a firmware and no more', BDS, 'timeout', 'no-kernel', /No kernel message came within 60 s/],
    ['a reset before the kernel', BDS, 'ended', 'ended', /reset while it booted, after 60 s/],
    [
      'a kernel and no more',
      '[    0.000000] Linux version 6.12.1',
      'timeout',
      'no-login',
      /no login prompt came within 60 s/,
    ],
  ] as const)('%s', (_, log, ending, kind, sentence) => {
    const found = diagnose(log, ending, 60);
    expect(found.kind).toBe(kind);
    expect(found.sentence).toMatch(sentence);
  });
});

describe('finalFailure', () => {
  const goesOn = ['the early init', 'too little memory to unpack'];

  it.each(Object.keys(LOGS).filter((name) => !goesOn.includes(name)))(
    '%s: nothing more will come',
    (name) => {
      expect(finalFailure(LOGS[name]![0])?.kind).toBe(LOGS[name]![1]);
    },
  );

  it.each([
    ...goesOn.map((name) => [name, LOGS[name]![0]]),
    ['a system that comes up', '[    0.0] Linux version 6.12.1\n[  OK  ] Started foo\nosmith login: '],
    ['a firmware that loads', BDS],
    ['a line that is not complete', '[    2.4] Kernel panic - not syncing: Att'],
  ])('%s: wait', (_, log) => {
    expect(finalFailure(log)).toBeUndefined();
  });
});
