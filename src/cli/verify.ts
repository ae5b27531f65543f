/** `osmith verify`: is a build, or what is published, what was signed? */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { checkAudit } from '../audit/check.ts';
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { buildName } from '../plan/name.ts';
import { verifyOfficial } from '../release/official/target.ts';
import { openStore } from '../run/store.ts';
import { auditDir } from './build-audit.ts';
import { type Check, type Keyring, MISSING, openKeyring, verifyTarget } from '../release/index.ts';
import { count, oneLine, styleFor } from '../report/style.ts';
import { STALL } from '../update/http.ts';
import { globals } from './globals.ts';
import { addVerifyOptions, type VerifyFlags, verifyOptions } from './key-files.ts';
import { interruption } from './signals.ts';
import { addVariantOptions, loadVariant } from './variant.ts';
import { checkText } from './verify-text.ts';

interface Flags extends VerifyFlags {
  unsigned?: boolean;
  keyring?: string;
  audit?: boolean;
}

const AUDIT_HINT =
  'Somebody changed the records, or a disk lost some: trust none from there on without another copy';

export function register(program: Command): void {
  const command = program
    .command('verify')
    .description('check signatures, manifest and digests of a build or of what is published')
    .argument(
      '[target]',
      'directory, URL, ssh://… or s3://… of a build, of releases, or of a published token; what `release` to git+… left, or a release repository',
    );
  addVerifyOptions(addVariantOptions(command))
    .option('--keyring <file>', 'OpenPGP keys: every file must be signed with one of them')
    .option(
      '--audit',
      'check the records of builds, in audit/ of the store or in the directory that is named',
    )
    .option('--unsigned', 'a build that has no token yet: check its files only')
    .action(async (target: string | undefined, _branch: string | undefined, options: Flags) =>
      run(command, target, options),
    );
}

async function run(command: Command, target: string | undefined, options: Flags): Promise<void> {
  if (options.audit === true) {
    const dir = target ?? auditDir(loadVariant(command), await openStore(defaultStoreDir()));
    return report(command, dir, await checkAudit(resolve(dir)), AUDIT_HINT);
  }
  if (target === undefined)
    throw new OsmithError('E_USAGE', 'It is not said what to verify', {
      hint: 'Name the output directory of a build, the target of a release, or --audit',
    });
  const official = await verifyOfficial(target, interruption);
  if (official !== undefined)
    return report(command, target, official, 'docs/official-images.md lists the rules for official images');
  const keyring = options.keyring === undefined ? undefined : await openKeyring(options.keyring);
  try {
    await verify(command, target, options, keyring);
  } finally {
    await keyring?.close();
  }
}

async function verify(command: Command, target: string, options: Flags, keyring?: Keyring): Promise<void> {
  const { json } = globals(command);
  const verify = await verifyOptions(options);
  const style = styleFor(process.stdout);
  const checks = await verifyTarget({
    ...{ target, verify, keyring, unsigned: options.unsigned, signal: interruption },
    http: { fetch, signal: interruption, stall: STALL },
    name: () => buildName(loadVariant(command)),
    onCheck: (check) => {
      if (!json) process.stdout.write(checkText(check, style));
    },
  });
  if (keyring === undefined && checks.some(({ file }) => file.endsWith('.asc')))
    process.stderr.write('OpenPGP signatures were not looked at: name the keys with --keyring\n');
  const hasKeys = verify.keys.length > 0 || keyring !== undefined;
  conclude(command, target, checks, (wrong) => hintOf(wrong, hasKeys));
}

/** Prints all checks and the verdict. */
function report(command: Command, target: string, checks: Check[], hint: string): void {
  const style = styleFor(process.stdout);
  if (!globals(command).json) process.stdout.write(checks.map((check) => checkText(check, style)).join(''));
  conclude(command, target, checks, () => hint);
}

/** The verdict. Throws E_SIGNATURE if something is wrong. */
function conclude(command: Command, target: string, checks: Check[], hint: (wrong: Check[]) => string): void {
  const { json } = globals(command);
  const style = styleFor(process.stdout);
  const wrong = checks.filter(({ ok }) => !ok);
  if (json)
    process.stdout.write(`${JSON.stringify({ type: 'verify', target, ok: wrong.length === 0, checks })}\n`);
  if (wrong.length === 0) {
    if (!json)
      process.stdout.write(`${target}: ${style('green', 'all well')}, ${count(checks.length, 'check')}\n`);
    return;
  }
  const [{ file, what, detail }] = wrong as [Check];
  throw new OsmithError(
    'E_SIGNATURE',
    `${wrong.length} of ${count(checks.length, 'check')} of ${target} failed; first ${file}, ${what}: ${oneLine(detail)}`,
    { hint: hint(wrong) },
  );
}

function hintOf(wrong: Check[], keys: boolean): string {
  if (!keys) return 'Name the public key with --key, or those of OpenPGP with --keyring';
  const unsigned = wrong.every(({ what, detail }) => what === 'signature' && detail === MISSING);
  return unsigned
    ? 'It is not signed, or not published. `osmith release` and `osmith pattern build` sign; --unsigned checks the files of a build that has no token'
    : 'Do not use it: it is not what was signed';
}
