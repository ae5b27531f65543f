/** Reads a console log as an expert would: what kept the system from coming up, in one plain sentence. */

/** Signed parts of the boot chain, in the order in which each starts, and checks, the next. */
export const BOOT_PARTS = ['shim', 'grub', 'kernel'] as const;
export type BootPart = (typeof BOOT_PARTS)[number];

export interface Diagnosis {
  /** A name for the kind of failure, for programs. */
  kind: string;
  sentence: string;
  hint?: string;
  /** The part that Secure Boot refused. */
  refused?: BootPart;
}

interface Symptom {
  pattern: RegExp;
  /** The boot cannot go on after this: waiting for more is useless. */
  final: boolean;
  diagnose: (match: RegExpExecArray) => Diagnosis;
}

/** The rest of a kernel's message, without its time stamp. */
const STAMP = String.raw`(?:\[ *\d+\.\d+\](?:\[[^\]]*\])? )?`;

function refusal(part: BootPart, by: string, what: string): () => Diagnosis {
  return () => ({
    kind: `refused-${part}`,
    refused: part,
    sentence: `Secure Boot stopped it: ${by} refused ${what}, which is not signed by a key it trusts, or was changed`,
    hint: 'Use the signed file of the distribution unchanged, or boot without Secure Boot (firmware: uefi)',
  });
}

function simple(kind: string, sentence: string, hint?: string): (match: RegExpExecArray) => Diagnosis {
  return (match) => ({
    kind,
    sentence: sentence.replace('%', match[1]?.trim() ?? ''),
    ...(hint === undefined ? {} : { hint }),
  });
}

const MORE_MEMORY = 'Give the machine more memory, or make the image smaller';

/**
 * The most telling first: one failure often brings several of these. What captures text does so to the end of the
 * line, since logs are read while they are written.
 */
const SYMPTOMS: Symptom[] = [
  {
    pattern: /BdsDxe: failed to load [^\n]*: Access Denied/,
    final: true,
    diagnose: refusal('shim', 'the firmware', 'the first boot loader (shim)'),
  },
  {
    pattern: /Verification failed: \(0x1A\) Security Violation/,
    final: true,
    diagnose: refusal('grub', 'shim', 'GRUB'),
  },
  {
    pattern: /error: [^\n]*(?:bad shim signature|prohibited by secure boot policy)/,
    final: true,
    diagnose: refusal('kernel', 'shim, asked by GRUB,', 'the kernel'),
  },
  {
    pattern: /Initramfs unpacking failed: ([^\n]+)\n|Failed to execute \/init \(error -2\)/,
    final: false,
    diagnose: (match) => ({
      kind: 'initramfs',
      sentence: `The kernel could not unpack the initrd${match[1] === undefined ? '' : `: ${match[1].trim()}`}`,
      hint: MORE_MEMORY,
    }),
  },
  {
    pattern: /Out of memory and no killable processes|System is deadlocked on memory|error: out of memory\./,
    final: true,
    diagnose: simple('memory', 'The machine ran out of memory while it booted', MORE_MEMORY),
  },
  {
    pattern: /EFI stub: ERROR: Failed to load initrd: 0x8000000000000009/, // EFI_OUT_OF_RESOURCES
    final: true,
    diagnose: simple('memory', 'The machine has too little memory to load the initrd', MORE_MEMORY),
  },
  {
    // The early init says what failed, then what it does about it.
    pattern: new RegExp(String.raw`^${STAMP}osmith-init: (?!The system cannot start)([^\n]+)\n`, 'm'),
    final: false,
    diagnose: simple('early-init', 'The early init of the initrd gave up: %'),
  },
  {
    pattern: /Kernel panic - not syncing: VFS: Unable to mount root fs/,
    final: true,
    diagnose: simple(
      'no-root',
      'The kernel found no root file system',
      'It was started without an initrd, or the initrd holds no /init',
    ),
  },
  {
    pattern: /Kernel panic - not syncing: ([^\n]+)\n/,
    final: true,
    diagnose: simple('panic', 'The kernel panicked: %'),
  },
  {
    pattern: /You are in emergency mode|Cannot open access to console, the root account is locked/,
    final: true,
    diagnose: simple(
      'emergency',
      'systemd stopped in emergency mode: a mount or service that it cannot do without failed',
      'The console log names the failed unit; look for FAILED or DEPEND',
    ),
  },
  {
    pattern: /No bootable (?:device|option or device was found)|Boot failed: not a bootable disk|^Shell> /im,
    final: true,
    diagnose: simple(
      'no-boot-device',
      'The firmware found nothing to boot from',
      'Does the image have boot files for this firmware (UEFI or BIOS) and architecture?',
    ),
  },
  {
    pattern: /PXE-E\d\d: ([^\n]+)\n/,
    final: false,
    diagnose: simple('netboot', 'The network boot failed: %'),
  },
  {
    pattern:
      /error: ([^\n]*(?:file|disk|device|partition|command|symbol)[^\n]*(?:not found|no such)[^\n]*)\n/,
    final: false,
    diagnose: simple('grub-error', 'GRUB could not go on: %'),
  },
  {
    pattern: /EFI stub: ERROR: ([^\n]+)\n|Failed to boot both default and fallback entries/,
    final: true,
    diagnose: (match) => ({
      kind: 'grub-error',
      sentence: `GRUB could not start the system${match[1] === undefined ? '' : `: ${match[1].trim()}`}`,
    }),
  },
  {
    pattern: /^grub(?: rescue)?> ?$/m,
    final: true,
    diagnose: simple(
      'grub-prompt',
      'GRUB found no configuration and stopped at its prompt',
      'Is grub.cfg in the directory that this GRUB looks in (its prefix)?',
    ),
  },
  {
    pattern: /KVM internal error[^\n]*/,
    final: true,
    diagnose: simple(
      'kvm',
      "The host's KVM cannot run this guest",
      'Run again with --accel tcg: slower, but it needs nothing of the host',
    ),
  },
];

function firstOf(symptoms: Symptom[], log: string): Diagnosis | undefined {
  for (const { pattern, diagnose } of symptoms) {
    const match = pattern.exec(log);
    if (match !== null) return diagnose(match);
  }
  return undefined;
}

/** A failure after which nothing more will come, so that nobody has to wait for a timeout. */
export function finalFailure(log: string): Diagnosis | undefined {
  // A final symptom says when to stop; an earlier, better explanation may stand before it.
  return SYMPTOMS.some(({ pattern, final }) => final && pattern.test(log))
    ? firstOf(SYMPTOMS, log)
    : undefined;
}

/** How the wait for the system ended. */
export type Ending = 'timeout' | 'ended' | 'final';

/** Why the system is not up. `log`: the console so far, without control codes. */
export function diagnose(log: string, ending: Ending, seconds: number): Diagnosis {
  const known = firstOf(SYMPTOMS, `${log}\n`);
  if (known !== undefined) return known;
  const after = `${Math.round(seconds)} s`;
  if (log.trim() === '') {
    return {
      kind: 'silent',
      sentence: `The machine said nothing on its serial console${ending === 'ended' ? ' and switched itself off' : ` within ${after}`}`,
      hint: 'Does the image boot with this firmware, and does its kernel command line have console=ttyS0 (arm64: ttyAMA0)?',
    };
  }
  const kernel = /Linux version \S+/.test(log);
  if (ending === 'ended') {
    return {
      kind: 'ended',
      sentence: `The machine ${kernel ? 'switched itself off or reset' : 'reset'} while it booted, after ${after}`,
    };
  }
  if (!kernel && !/systemd\[1\]/.test(log)) {
    return {
      kind: 'no-kernel',
      sentence: `No kernel message came within ${after}`,
      hint: 'Does the kernel command line have console=ttyS0 (arm64: ttyAMA0)?',
    };
  }
  return {
    kind: 'no-login',
    sentence: `The kernel started, but no login prompt came within ${after}`,
    hint: 'The end of the console log shows what it was waiting for; a slow machine may need a longer limit',
  };
}
