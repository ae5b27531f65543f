/** `osmith release`: publishes a build if it is another one than the published. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Config } from '../config/index.ts';
import { envVar, now, oneTimeSecret } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { type Key, publicKeyOf, readKeyFile } from '../pattern/index.ts';
import {
  openBuild,
  openPublisher,
  readBuildManifest,
  release,
  type ReleaseReport,
} from '../release/index.ts';
import { styleFor } from '../report/style.ts';
import { version } from '../version.ts';
import { collect } from './arguments.ts';
import { globals, targetPlace, wholeNumber } from './globals.ts';
import { addSignerOptions, defaultKeyFile, readSigner, type SignerFlags } from './key-files.ts';
import { isContainerTarget, releaseContainers } from './release-containers.ts';
import { interruption } from './signals.ts';
import { addVariantOptions, loadVariant, variantAttributes } from './variant.ts';

interface ReleaseFlags extends SignerFlags {
  out: string[];
  handover: string;
  target?: string;
  keep?: number;
  dryRun?: boolean;
  allowOlder?: boolean;
  ignoreVersion?: boolean;
  replaceUnverified?: boolean;
  verifyKey: string[];
}

export function register(program: Command): void {
  const command = program
    .command('release')
    .description('publish a build, if it is another one than the published');
  addSignerOptions(
    addVariantOptions(command)
      .option(
        '--out <dir>',
        'where the build is; for docker://… and git+… several, one for each architecture and personality (default: "out")',
        collect,
        [],
      )
      .option(
        '--target <place>',
        'where to publish: a directory, ssh://…, s3://…; containers also to docker://… and git+…; default: option target of section [release]',
      )
      .option('--keep <n>', 'how many old releases stay; default: option keep of [release]', atLeastOne)
      .option('--dry-run', 'only say what would be done')
      .option('--handover <dir>', 'where a release to git+… leaves library file and pull request', 'official')
      .option('--allow-older', 'publish what is older than the published release')
      .option('--ignore-version', 'builds of different versions of Osmith can be equal')
      .option('--replace-unverified', 'publish also over a token that does not verify')
      .option(
        '--verify-key <file>',
        'public key that tokens must be signed with (repeatable); default: that of the signer',
        collect,
        [],
      ),
  ).action(async (_branch: string | undefined, options: ReleaseFlags) => run(command, options));
}

function atLeastOne(text: string): number {
  const number = wholeNumber(text);
  if (number < 1)
    throw new InvalidArgumentError('At least one must be kept: machines may be downloading it.');
  return number;
}

/** Attributes of the variant that was built; E_NO_IMAGE if the command line names another one. */
function builtVariant(command: Command, text: string, out: string): Record<string, string> {
  const { variant = {} } = JSON.parse(text) as { variant?: Record<string, string> };
  const other = Object.entries(variantAttributes(command)).find(([name, value]) => variant[name] !== value);
  if (other === undefined) return variant;
  const [name, value] = other;
  throw new OsmithError('E_NO_IMAGE', `The build in ${out} has the ${name} ${variant[name]}, not ${value}`, {
    hint: 'Build that variant first, or name its output directory with --out',
  });
}

/** Keys that tokens are verified with. The public half is enough when the build has its token already. */
async function verifyKeys({ verifyKey, ...signer }: ReleaseFlags): Promise<Key[]> {
  if (verifyKey.length > 0) return Promise.all(verifyKey.map(readKeyFile));
  const own = defaultKeyFile('pub');
  const chosen = signer.key ?? signer.signCommand ?? envVar('OSMITH_SIGN_KEY');
  if (chosen === undefined && existsSync(own)) return [await readKeyFile(own)];
  const key = await readSigner(signer);
  return ['argv' in key ? key.publicKey : publicKeyOf(key)];
}

type Variant = Awaited<ReturnType<typeof readBuildManifest>> & { dir: string; config: Config };

/** Builds with the configurations of what was built. */
async function openVariants(command: Command, dirs: string[]): Promise<[Variant, ...Variant[]]> {
  const variants = dirs.map(async (dir): Promise<Variant> => {
    const { text, manifest } = await readBuildManifest(dir);
    return { dir, text, manifest, config: loadVariant(command, builtVariant(command, text, dir)) };
  });
  return (await Promise.all(variants)) as [Variant, ...Variant[]];
}

async function run(command: Command, options: ReleaseFlags): Promise<void> {
  const dirs = (options.out.length === 0 ? ['out'] : options.out).map((each) => resolve(each));
  const [{ dir, manifest, config }, ...more] = await openVariants(command, dirs);
  const target = options.target ?? targetOf(config.find('release', 'target'), config.workspace);
  if (isContainerTarget(target)) {
    const { dryRun = false, handover } = options;
    return releaseContainers(command, [{ dir, config }, ...more], { target, dryRun, handover });
  }
  if (more.length > 0)
    throw new OsmithError('E_USAGE', 'One build is released at a time: leave out all but one --out', {
      hint: 'Several are released together as a container: --target docker://… or git+…',
    });
  const publisher = openPublisher({ target, name: manifest.name, signal: interruption });
  const verify = { keys: await verifyKeys(options), now: now() };
  const build = await openBuild({
    ...{ dir, verify, signer: async () => readSigner(options) },
    ...{ id: oneTimeSecret(), version: version(), signal: interruption },
  });
  const { json } = globals(command);
  const report = await release({
    ...{ build, publisher, verify, signal: interruption },
    keep: options.keep ?? config.int('release', 'keep'),
    dryRun: options.dryRun === true,
    allowOlder: options.allowOlder === true,
    ignoreVersion: options.ignoreVersion === true,
    replaceUnverified: options.replaceUnverified === true,
    onFile: (path, size) => {
      if (!json) process.stderr.write(`${(size / 1e6).toFixed(1).padStart(8)} MB  ${path}\n`);
    },
  });
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ type: 'release', dryRun: options.dryRun === true, ...report })}\n`,
    );
    return;
  }
  process.stdout.write(asText(report, options.dryRun === true));
}

function targetOf(configured: string | undefined, workspace: string): string {
  const target = configured?.trim() ?? '';
  if (target === '')
    throw new OsmithError('E_USAGE', 'It is not said where to publish', {
      hint: 'Name a directory with --target, or set the option target of section [release]',
    });
  return targetPlace(target, workspace);
}

const WORDS = {
  first: 'the first release',
  different: 'it differs from the published release',
  renew: 'it is the same build, but the published token has lived more than half of its time',
  repair: 'it is the same build, but files of the published release are missing',
};

function asText(
  { action, reason, name, place, directory, notes, removed }: ReleaseReport,
  dry: boolean,
): string {
  const style = styleFor(process.stdout);
  const gone = removed.map((each) => `${dry ? 'would remove' : 'removed'}  ${each}\n`).join('');
  if (action === 'nothing')
    return `${gone}${name}: nothing to release, the published release in ${place} is the same build\n`;
  const done = style(['green', 'bold'], dry ? 'would be released' : 'released');
  return `${notes}\n${gone}${name}: ${done} to ${place}/${directory}: ${WORDS[reason!]}\n`;
}
