/** `osmith pattern push`: sends a pattern, or commands, to running machines and says what changed there. */
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { now, oneTimeSecret } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { collect, readClaims, render } from '../pattern/index.ts';
import {
  commandPattern,
  parseFingerprint,
  parseHost,
  pushPattern,
  signOrder,
  type Host,
  type PushResult,
  type Trust,
} from '../pattern/push/index.ts';
import { count, oneLine, type Style, styleFor } from '../report/style.ts';
import { collect as append } from './arguments.ts';
import { globals } from './globals.ts';
import { addSignerOptions, readSigner, type SignerFlags } from './key-files.ts';
import { collectVar, importRoot, readToken } from './pattern-file.ts';
import { interruption } from './signals.ts';

interface PushFlags extends SignerFlags {
  pattern?: string;
  command: string[];
  source: string;
  once?: boolean;
  var: Record<string, string>;
  audience?: string[];
  ca?: string;
  fingerprint: Pin[];
  insecure?: boolean;
  timeout: number;
  parallel: number;
}

/** A fingerprint, for one host or for all. */
interface Pin {
  host?: string;
  fingerprint: string;
}

export function registerPush(pattern: Command): void {
  const command = pattern
    .command('push')
    .description('send a pattern, or commands, to the agents of running machines')
    .argument('<host...>', 'host, host:port or [IPv6 address]:port; the port is 4000 if not given')
    .addOption(
      new Option('--pattern <file>', 'Jsonnet or JSON, which is signed, or a token').conflicts('command'),
    )
    .option('--command <script>', 'run this there, once (repeatable)', append, [])
    .option('--source <name>', "which of the agent's sources it is for", 'ops')
    .option('--once', 'the machine runs it, but keeps to the pattern that it has')
    .option('--var <name=value>', 'a variable of the pattern and its scripts (repeatable)', collectVar, {})
    .option('--audience <name>', 'whom the token is for; default: what the pattern says (repeatable)', append)
    .addOption(
      new Option(
        '--fingerprint <[host=]sha256>',
        "of a machine's certificate, in place of an authority (repeatable)",
      )
        .argParser(appendPin)
        .default([], 'none'),
    )
    .addOption(
      new Option('--ca <file>', 'PEM of the authorities that count, in place of the well-known').conflicts(
        'fingerprint',
      ),
    )
    .addOption(
      new Option(
        '--insecure',
        'do not check who answers: he could read the pattern, and make up the answer',
      ).conflicts(['ca', 'fingerprint']),
    )
    .option('--timeout <seconds>', 'how long a machine may take', positive, 660)
    .option('--parallel <n>', 'how many machines at once', positive, 16);
  addSignerOptions(command).action(async (hosts: string[], options: PushFlags) =>
    push(command, hosts, options),
  );
}

function appendPin(value: string, previous: Pin[]): Pin[] {
  const at = value.indexOf('=');
  const fingerprint = parseFingerprint(value.slice(at + 1));
  if (fingerprint === undefined || at === 0)
    throw new InvalidArgumentError('It must be a SHA-256 fingerprint: 64 hexadecimal digits.');
  return [...previous, { ...(at > 0 && { host: value.slice(0, at) }), fingerprint }];
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a positive number.');
  return Number(text);
}

/** What holds for each host; a name that a fingerprint was given for and nobody pushes to is a slip. */
async function trustOf(
  hosts: Host[],
  { ca, fingerprint: pins, insecure }: PushFlags,
): Promise<(host: Host) => Trust> {
  const stray = pins.find((pin) => pin.host !== undefined && !hosts.some(({ name }) => name === pin.host));
  if (stray !== undefined)
    throw new OsmithError('E_USAGE', `--fingerprint names ${stray.host}, which is not among the hosts`);
  const authorities =
    ca === undefined
      ? undefined
      : [
          await readFile(ca, 'utf8').catch((cause: unknown) => {
            throw new OsmithError('E_USAGE', `Cannot read --ca: ${(cause as Error).message}`, { cause });
          }),
        ];
  return ({ name }) => {
    const own = pins.filter(({ host }) => host === undefined || host === name);
    return {
      insecure,
      ca: authorities,
      ...(own.length > 0 && { fingerprints: own.map(({ fingerprint }) => fingerprint) }),
    };
  };
}

/** The signed order. A token is sent as it is. */
async function tokenOf(command: Command, options: PushFlags): Promise<string> {
  const { pattern: file, command: scripts, audience, var: runVars } = options;
  if (file?.endsWith('.jwt') === true) {
    if (audience !== undefined || Object.keys(runVars).length > 0)
      throw new OsmithError('E_USAGE', `${file} is signed: --var and --audience cannot change it`);
    const token = readToken(file);
    if (readClaims(token).pattern === undefined) throw new OsmithError('E_PATTERN', `${file} has no pattern`);
    return token;
  }
  if (file === undefined && scripts.length === 0)
    throw new OsmithError('E_USAGE', 'There is nothing to push', {
      hint: 'Name a file with --pattern, or a script with --command',
    });
  const files =
    file === undefined
      ? commandPattern(scripts)
      : collect(file, importRoot(file, globals(command).workspace));
  const pattern = await render(files, runVars);
  const signer = await readSigner(options);
  return signOrder({ files, pattern, runVars, audience, id: oneTimeSecret(), now: now() }, signer);
}

async function push(command: Command, names: string[], options: PushFlags): Promise<void> {
  const hosts = [...new Set(names)].map(parseHost);
  if (!/^[a-zA-Z0-9][\w-]*$/.test(options.source))
    throw new OsmithError('E_USAGE', `${JSON.stringify(options.source)} is no name of a source`);
  const trust = await trustOf(hosts, options);
  const token = await tokenOf(command, options);
  const { json } = globals(command);
  const style = styleFor(process.stdout);
  const results = await pushPattern(
    hosts,
    { token, source: options.source, once: options.once === true || options.command.length > 0 },
    {
      ...{ trust, timeout: options.timeout * 1000, parallel: options.parallel, signal: interruption },
      onResult: (result) => void process.stdout.write(json ? asJson(result) : asText(result, style)),
    },
  );
  throwWorst(results);
  const exit = Math.max(...results.map(({ answer }) => answer?.exit ?? 0));
  if (exit > 0) process.exitCode = exit;
}

function asJson({ host, answer, error }: PushResult): string {
  const failure = error && { code: error.code, message: error.message, hint: error.details.hint };
  return `${JSON.stringify({ type: 'push', host, ok: error === undefined, ...answer, error: failure })}\n`;
}

/** Machines send names and texts: nothing of that reaches the terminal as it is. */
function asText({ host, answer, error }: PushResult, style: Style): string {
  const printed = (answer?.stdout ?? []).flatMap((text) => text.split('\n')).map(printable);
  const lines = [
    ...(answer?.removed ?? []).map((id) => `${style('red', 'removed')}  ${oneLine(id)}`),
    ...(answer?.changed ?? []).map((id) => `${style('green', 'changed')}  ${oneLine(id)}`),
    ...printed.map((line) => `| ${line}`),
    ...(error === undefined ? [] : [`${style(['red', 'bold'], 'FAILED')}  ${reason(host, error)}`]),
  ];
  const shown = lines.length > 0 ? lines : ['nothing to do'];
  return shown.map((line) => `${style('bold', host)}  ${line}\n`).join('');
}

function printable(line: string): string {
  return line.replaceAll(/[^\P{Cc}\t]/gu, ' ').trimEnd();
}

function reason(host: string, { message, details }: OsmithError): string {
  const text = oneLine(message).replace(`${host}: `, '');
  return details.hint === undefined ? text : `${text}. ${details.hint}`;
}

/** Ends the command as its worst machine did. */
function throwWorst(results: PushResult[]): void {
  const errors = results.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const [worst] = errors.toSorted((a, b) => b.exitCode - a.exitCode);
  if (worst === undefined) return;
  if (results.length === 1) throw worst;
  throw new OsmithError(
    worst.code,
    `${errors.length} of ${count(results.length, 'machine')} did not do what they were told`,
    { hint: 'Each is named above with its reason' },
  );
}
