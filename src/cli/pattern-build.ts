/** `osmith pattern build`: runs the build commands of a pattern and writes its signed token. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { now, oneTimeSecret, uniqueName } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { type Claims, dates, type Json, runCommands, type RunReport, signJwt } from '../pattern/index.ts';
import { version } from '../version.ts';
import { globals, ROOT } from './globals.ts';
import {
  addPatternOptions,
  loadPattern,
  type LoadedPattern,
  progress,
  throwFailure,
} from './pattern-file.ts';
import { addSignerOptions, readSigner, type SignerFlags } from './key-files.ts';
import { interruption } from './signals.ts';
import { addVariantOptions, variantAttributes, variantSettings } from './variant.ts';

interface BuildFlags extends SignerFlags {
  out: string;
  jwt?: string;
}

/** Also adds the branch as a second argument, and the options that choose a variant. */
export function registerBuild(pattern: Command): void {
  const command = pattern.command('build').description('run the build commands, write the signed token');
  addSignerOptions(addVariantOptions(addPatternOptions(command)))
    .option('--out <dir>', 'where the artifacts go, and the token', 'out')
    .option('--jwt <file>', 'the token; default: NAME.jwt beside the artifacts')
    .action(async (file: string, _branch: string | undefined, options: BuildFlags) =>
      build(command, file, options),
    );
}

async function build(command: Command, file: string, options: BuildFlags): Promise<void> {
  const global = globals(command);
  const out = resolve(options.out);
  if (file.endsWith('.jwt')) throw new OsmithError('E_USAGE', `${file} is a token: it is built already`);
  const signer = await readSigner(options); // before hours of work
  const variant: Record<string, Json> = { ...variantAttributes(command) } as Record<string, string>;
  const vars = { variant, set: variantSettings(command) };
  const loaded = await loadPattern(command, file, vars);
  const { pattern } = loaded;
  const report = await runCommands({
    commands: pattern.build,
    exec: pattern.buildExec === undefined ? [] : [pattern.buildExec],
    mode: 'change',
    env: {
      OSMITH: join(ROOT, 'osmith'),
      OSMITH_WORKSPACE: global.workspace,
      ...(global.localdir !== undefined && { OSMITH_LOCALDIR: global.localdir }),
      OSMITH_OUT: out,
    },
    signal: interruption,
    emit: progress(command),
  });
  interruption.throwIfAborted();
  throwFailure(report);

  const claims = claimsOf(loaded, report, now());
  const token = await signJwt(claims, signer);
  const name = manifestName(claims) ?? basename(file).replace(/\.[^.]*$/, '');
  const jwt = options.jwt === undefined ? join(out, `${name}.jwt`) : resolve(options.jwt);
  await replaceFile(jwt, token);
  const printed = report.events.filter((event) => event.name === 'stdout').map(({ value }) => `${value}\n`);
  if (global.json) process.stdout.write(`${JSON.stringify({ type: 'jwt', jwt, claims })}\n`);
  else process.stdout.write(`${printed.join('')}${jwt}\n`);
  if (report.exit !== undefined) process.exitCode = report.exit;
}

/** What the token says, from the pattern and the events of its build commands. */
function claimsOf({ pattern, files }: LoadedPattern, { events }: RunReport, at: number): Claims {
  const manifest = events.filter(({ name }) => name === 'buildManifest').map(({ value }) => value);
  const raised = events
    .filter(({ name }) => name.startsWith('runVar_'))
    .map(({ name, value }) => [name.slice('runVar_'.length), value] as const);
  const claims: Claims = {
    ...dates(at, pattern.expiresIn),
    ...{ aud: pattern.audience, iss: pattern.issuer, jti: pattern.id ?? oneTimeSecret() },
    buildManifest: manifest.join('\n'),
    pattern: files,
    runVars: { ...pattern.runVars, ...Object.fromEntries(raised) },
    osmithVersion: version(),
  };
  return { ...claims, sub: pattern.subject ?? manifestName(claims) };
}

/** The name of the build, if its manifest is that of an image. */
function manifestName({ buildManifest = '' }: Claims): string | undefined {
  try {
    const { name } = JSON.parse(buildManifest) as { name?: unknown };
    return typeof name === 'string' && /^[\w.-]+$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Readers see the old token or the new one. Nothing follows the last character of a token in its file. */
async function replaceFile(file: string, text: string): Promise<void> {
  const fresh = join(dirname(file), `.${basename(file)}.${uniqueName()}`);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(fresh, text, { flush: true });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw new OsmithError('E_OUT', `Cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
}
