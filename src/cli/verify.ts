/** `osmith verify`: is a build, or what is published, what was signed? */
import type { Command } from 'commander';
import { OsmithError } from '../errors.ts';
import { makePlan } from '../plan/index.ts';
import { type Check, MISSING, verifyTarget } from '../release/index.ts';
import { count, oneLine, type Style, styleFor } from '../report/style.ts';
import { STALL } from '../update/http.ts';
import { globals } from './globals.ts';
import { addVerifyOptions, type VerifyFlags, verifyOptions } from './key-files.ts';
import { interruption } from './signals.ts';
import { addVariantOptions, loadVariant } from './variant.ts';

export function register(program: Command): void {
  const command = program
    .command('verify')
    .description('check signatures, manifest and digests of a build or of what is published')
    .argument('<target>', 'directory or URL of a build, of releases, or of a published token');
  addVerifyOptions(addVariantOptions(command))
    .option('--unsigned', 'a build that has no token yet: check its files only')
    .action(
      async (target: string, _branch: string | undefined, options: VerifyFlags & { unsigned?: boolean }) =>
        run(command, target, options),
    );
}

async function run(
  command: Command,
  target: string,
  options: VerifyFlags & { unsigned?: boolean },
): Promise<void> {
  const { json } = globals(command);
  const verify = await verifyOptions(options);
  const style = styleFor(process.stdout);
  const checks = await verifyTarget({
    ...{ target, verify, unsigned: options.unsigned, signal: interruption },
    http: { fetch, signal: interruption, stall: STALL },
    name: () => makePlan(loadVariant(command)).name,
    onCheck: (check) => {
      if (!json) process.stdout.write(asText(check, style));
    },
  });
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
    { hint: hintOf(wrong, verify.keys.length) },
  );
}

function hintOf(wrong: Check[], keys: number): string {
  if (keys === 0) return 'Name the public key with --key';
  const unsigned = wrong.every(({ what, detail }) => what === 'signature' && detail === MISSING);
  return unsigned
    ? 'It is not signed, or not published. `osmith release` and `osmith pattern build` sign; --unsigned checks the files of a build that has no token'
    : 'Do not use it: it is not what was signed';
}

/** Names and reasons may come from anybody. */
function asText({ ok, what, file, detail }: Check, style: Style): string {
  const result = ok ? style('green', 'ok   ') : style(['red', 'bold'], 'WRONG');
  return `${result}  ${what.padEnd(9)}  ${oneLine(file)}${detail === '' ? '' : `  ${oneLine(detail)}`}\n`;
}
