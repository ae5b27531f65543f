/** Options of `linuxkit build` for which there is another way here: who gives one is told which. */
import { Option, type Command } from 'commander';
import { OsmithError } from '../errors.ts';

const NAMES =
  'Say it with --output: DIR/NAME is how the names of several files begin, DIR/FILE is a single one';
const TRUST = '`osmith lock` records the digest that every reference has to have';

/** Flags, and what to do instead. */
const INSTEAD: [flags: string, hint: string][] = [
  ['--name <name>', NAMES],
  ['--dir <dir>', NAMES],
  ['--o <file>', 'Write --output FILE, or -o FILE'],
  [
    '--docker',
    'Copy the image into a layout, `skopeo copy docker-daemon:NAME oci:DIR:NAME`, and give --layout DIR',
  ],
  ['--cache <dir>', 'Give --layout DIR: linuxkit’s cache is an image layout'],
  ['--disable-content-trust', `Leave it out: nothing asks for signatures of names; ${TRUST}`],
  ['--sbom-current-time', 'Leave it out: the bill has no time, so that the same images give the same bytes'],
  ['--cert-file <file>', 'Set NODE_EXTRA_CA_CERTS=FILE'],
  ['-q, --quiet', 'Leave it out: only results go to the standard output'],
  ['-v, --verbose <level>', 'Give --debug to see the output of the programs that run'],
];

/** Adds them to a command, unseen in its help. Each throws E_USAGE when it is given. */
export function addLinuxkitOptions(command: Command): void {
  for (const [flags, hint] of INSTEAD) {
    const option = new Option(flags).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      throw new OsmithError('E_USAGE', `There is no option ${option.long} here`, { hint });
    });
  }
}
