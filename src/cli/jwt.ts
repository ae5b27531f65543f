/** `osmith jwt`: what a token says, whether it verifies, and how two differ. */
import type { Command } from 'commander';
import { OsmithError, toOsmithError } from '../errors.ts';
import { type Claims, compareClaims, readClaims, readHeader, verifyJwt } from '../pattern/index.ts';
import { styleFor } from '../report/style.ts';
import { globals } from './globals.ts';
import { showClaims, showDifference } from './jwt-text.ts';
import { addVerifyOptions, type VerifyFlags, verifyOptions, withKeyHint } from './key-files.ts';
import { readToken } from './pattern-file.ts';

export function register(program: Command): void {
  const jwt = program.command('jwt').description('signed tokens: builds with their manifests and patterns');
  const show = jwt
    .command('show')
    .description('print what a token says; exits with 5 when it does not verify')
    .argument('<file>', 'the token; - for standard input');
  addVerifyOptions(show)
    .option('--packages', 'list all packages with their versions')
    .action(async (file: string, options: VerifyFlags & { packages?: boolean }) =>
      showToken(show, file, options),
    );
  const compare = jwt
    .command('compare')
    .description('compare two builds; exits with 0 when they are equal, with 1 when not')
    .argument('<a>', 'a token')
    .argument('<b>', 'the token to compare it with');
  addVerifyOptions(compare)
    .option('--ignore-version', 'builds of different versions of Osmith can be equal')
    .option('--unverified', 'compare also what does not verify')
    .action(async (a: string, b: string, options: VerifyFlags & CompareFlags) =>
      compareTokens(compare, a, b, options),
    );
}

interface CompareFlags {
  ignoreVersion?: boolean;
  unverified?: boolean;
}

async function showToken(
  command: Command,
  file: string,
  options: VerifyFlags & { packages?: boolean },
): Promise<void> {
  const token = readToken(file);
  const header = readHeader(token);
  const claims = readClaims(token);
  const settings = await verifyOptions(options);
  const failure = await verifyJwt(token, settings).then(() => undefined, toOsmithError);
  if (failure !== undefined && failure.code !== 'E_SIGNATURE') throw failure;
  if (globals(command).json) {
    const result = { type: 'jwt', verified: failure === undefined, reason: failure?.message, header, claims };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    const view = { style: styleFor(process.stdout), packages: options.packages === true };
    process.stdout.write(showClaims({ header, claims, failure: failure?.message }, view));
  }
  if (failure !== undefined) throw withKeyHint(failure, settings);
}

/** Tokens that nobody has signed say nothing about builds: both must verify, unless the user knows better. */
async function compareTokens(
  command: Command,
  a: string,
  b: string,
  options: VerifyFlags & CompareFlags,
): Promise<void> {
  const settings = await verifyOptions(options);
  const read = async (file: string): Promise<Claims> => {
    const token = readToken(file);
    if (options.unverified === true) return readClaims(token);
    return verifyJwt(token, settings).catch((error: unknown) => {
      const { code, message, details } = withKeyHint(toOsmithError(error), settings);
      throw new OsmithError(code, `${file}: ${message}`, details);
    });
  };
  const difference = compareClaims(await read(a), await read(b), {
    ignoreVersion: options.ignoreVersion === true,
  });
  const text = globals(command).json
    ? `${JSON.stringify({ type: 'jwt-compare', ...difference })}\n`
    : showDifference(difference, styleFor(process.stdout));
  process.stdout.write(text);
  if (!difference.equal) process.exitCode = 1;
}
