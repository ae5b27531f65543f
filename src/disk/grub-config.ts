/** grub.cfg of a disk and of a network boot directory. */
import { z } from 'zod';
import { GRUBENV, LOCAL_CONFIG, otherSlot, SLOTS, slotConfig, TRIAL_WORDS, type Slot } from './boot-slots.ts';

/** Entries of a menu that start the same with further words on the kernel command line; absent: there is just one. */
export const menuChoices = z
  .array(z.strictObject({ title: z.string(), words: z.string() }))
  .min(1)
  .optional();

export interface BootEntry {
  title: string;
  /** Kernel command line. */
  cmdline: string;
  choices?: z.infer<typeof menuChoices>;
}

/** The menu waits longer where there is something to choose. */
export function menuEntries(
  { title, cmdline, choices = [{ title, words: '' }] }: BootEntry,
  { kernel, initrds, where = '' }: { kernel: string; initrds: readonly string[]; where?: string },
): string {
  const entries = choices.map(
    (choice) => `menuentry ${quote(choice.title)} {
  echo ${quote(`Loading ${title}${where} ...`)}
  linux /${kernel} ${[cmdline, choice.words].filter(Boolean).join(' ')}
  initrd ${initrds.map((path) => `/${path}`).join(' ')}
}
`,
  );
  return `set timeout=${choices.length > 1 ? 5 : 1}
set default=0
${entries.join('')}`;
}

/** Quotes for GRUB's shell: inside single quotes nothing is special but the quote itself. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Under UEFI the firmware mirrors its console to a serial port where there is one; under BIOS GRUB does. */
export const BIOS_SERIAL = `if [ "$grub_platform" = pc ]; then
  if serial --unit=0 --speed=115200; then
    terminal_input console serial
    terminal_output console serial
  fi
fi
`;

/** A slot that cannot be started gives way to the other one in the same boot, not on trial then. */
function slotEntry(slot: Slot, title: string): string {
  const other = otherSlot(slot);
  return `menuentry ${quote(`${title} (${slot})`)} --id ${slot} {
  echo ${quote(`Loading ${title} from slot ${slot} ...`)}
  set osmith_ok=
  set osmith_words="osmith.slot=${slot} $osmith_words_${slot}"
  source /${slotConfig(slot)}
  if [ "$osmith_ok" != 1 ]; then
    echo 'Slot ${slot} cannot be started: starting slot ${other}'
    set osmith_words="osmith.slot=${other}"
    source /${slotConfig(other)}
  fi
  if [ "$osmith_ok" != 1 ]; then
    echo 'No system on this disk can be started'
    sleep 10
    exit
  fi
}
`;
}

/**
 * Starts slot \`osmith_slot\` of the environment block, or \`osmith_try\` as often as \`osmith_left\` says: the count goes
 * down on the disk before the system is started, so that one which does not come up is not tried for ever. Where the
 * count cannot be written, nothing is tried.
 */
export function diskGrubConfig(title: string): string {
  return `# Made by Osmith; replaced with each image. Words for the kernel command line go into /${LOCAL_CONFIG}:
#   set osmith_local="..."
set timeout=1
${BIOS_SERIAL}
set osmith_slot=a
set osmith_try=
set osmith_left=
set osmith_local=
set osmith_words_a=
set osmith_words_b=
if [ -s /${GRUBENV} ]; then
  load_env --file /${GRUBENV} osmith_slot osmith_try osmith_left
fi
if [ -s /${LOCAL_CONFIG} ]; then
  source /${LOCAL_CONFIG}
fi
set osmith_start="$osmith_slot"
if [ -n "$osmith_try" ]; then
  set osmith_trial="$osmith_try"
  if [ "$osmith_left" = 3 ]; then
    set osmith_left=2
  elif [ "$osmith_left" = 2 ]; then
    set osmith_left=1
  else
    set osmith_left=
    set osmith_try=
  fi
  if save_env --file /${GRUBENV} osmith_try osmith_left; then
    set osmith_start="$osmith_trial"
    if [ "$osmith_trial" = b ]; then
      set osmith_words_b="${TRIAL_WORDS}"
    else
      set osmith_words_a="${TRIAL_WORDS}"
    fi
  else
    echo 'The boot environment cannot be written: the new system is not tried'
  fi
fi
if [ "$osmith_start" = b ]; then
  set default=1
else
  set default=0
fi

${SLOTS.map((slot) => slotEntry(slot, title)).join('\n')}`;
}

/** Paths are relative to the TFTP root: GRUB has the server that it came from as its root. */
export function netGrubConfig(entry: BootEntry, initrds: readonly string[]): string {
  return `# Made by Osmith; replaced with each image.
${menuEntries(entry, { kernel: 'vmlinuz', initrds, where: ' from the network' })}`;
}

/** For a volume that holds kernel, initrd and this. */
export function plainGrubConfig(entry: BootEntry): string {
  return `# Made by Osmith; replaced with each image.
${BIOS_SERIAL}
${menuEntries(entry, { kernel: 'vmlinuz', initrds: ['initrd'] })}`;
}

/** The same, for a kernel that looks for the system on the disk of that volume: it learns which one that is. */
export function selectorGrubConfig({ title, cmdline }: BootEntry): string {
  const entry = { title, cmdline: `${cmdline} osmith.esp=$osmith_esp` };
  return `# Made by Osmith; replaced with each image.
${BIOS_SERIAL}
probe --set=osmith_esp --fs-uuid $root
${menuEntries(entry, { kernel: 'vmlinuz', initrds: ['initrd'] })}`;
}
