import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from './globals.ts';

const OSMITH = join(ROOT, 'osmith');
const run = promisify(execFile);

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function osmith(
  args: string[],
  options: { program?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  const env = { ...process.env, FORCE_COLOR: undefined, ...options.env };
  return run(options.program ?? OSMITH, args, { cwd: '/', env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Outcome) => error,
  );
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-cli-'));
});
afterAll(() => rm(dir, { recursive: true }));

test('starts through symbolic links, from any directory, with an older node on the PATH', async () => {
  await mkdir(join(dir, 'bin'));
  await symlink(OSMITH, join(dir, 'one'));
  await symlink('../one', join(dir, 'bin/osmith'));
  await writeFile(join(dir, 'bin/node'), '#!/bin/sh\necho 20\n');
  await chmod(join(dir, 'bin/node'), 0o755);
  const env = { PATH: `${dir}/bin:${process.env['PATH']}` };
  expect(await osmith(['--version'], { program: join(dir, 'bin/osmith'), env })).toEqual({
    code: 0,
    stdout: '0.1.0\n',
    stderr: '',
  });
});

test('says what to do when the dependencies are not installed, or no node is new enough', async () => {
  const clone = join(dir, 'clone');
  await mkdir(join(clone, 'node_modules'), { recursive: true });
  const program = join(clone, 'osmith');
  await run('cp', [OSMITH, program]);
  const bare = await osmith(['doctor'], { program });
  expect(bare).toMatchObject({ code: 2, stdout: '' });
  expect(bare.stderr).toContain('make setup');

  await mkdir(join(clone, 'node_modules/commander'));
  const env = { PATH: `${dir}/bin:/usr/bin:/bin` };
  const old = await osmith(['doctor'], { program, env });
  expect(old).toMatchObject({ code: 2, stdout: '' });
  expect(old.stderr).toMatch(
    /Node 24 or newer is needed; .*\/bin\/node has version 20\n {2}hint: Run `npm ci`/,
  );
});

test.each([
  [['biuld-nothing'], "Unknown command 'biuld-nothing'"],
  [['doctr'], "Unknown command 'doctr'", 'Did you mean doctor?'],
  [['doctor', '--jsn'], "Unknown option '--jsn'", 'Did you mean --json?'],
  [['doctor', 'much'], 'Too many arguments for'],
  [['-C'], "Option '-C, --workspace <dir>' argument missing"],
  [['completion', 'tcsh'], 'There is no completion for tcsh', 'bash, zsh, fish'],
])('%j is a usage error', async (args, message, hint = 'osmith --help') => {
  const { code, stdout, stderr } = await osmith(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`error[E_USAGE]: ${message}`);
  expect(stderr.split('\n')[1]).toContain(hint);
  expect(stderr).not.toContain('    at ');
});

test('without a command: the help, and exit code 2', async () => {
  const { code, stderr } = await osmith([]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^Usage: osmith \[options\] \[command\]/);
});

test('with --json an error is one line of JSON', async () => {
  const { code, stderr } = await osmith(['--json', 'doctr']);
  expect(code).toBe(2);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(stderr)).toMatchObject({
    error: { code: 'E_USAGE', exitCode: 2, hint: 'Did you mean doctor?' },
  });
});

test('doctor lists what a host lacks and exits with 2', async () => {
  const { code, stdout } = await osmith(['doctor', '--json'], { env: { OSMITH_STORE: '/proc/nowhere' } });
  expect(code).toBe(2);
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; status: string }[] };
  expect(ok).toBe(false);
  expect(checks.find(({ name }) => name === 'store')).toMatchObject({ status: 'missing' });
});

test('a reader that has seen enough is no failure', async () => {
  const { stdout } = await run('bash', ['-c', `"$0" --help | true; echo "\${PIPESTATUS[0]}"`, OSMITH]);
  expect(stdout).toBe('0\n');
});

test('the completion script completes commands and options', async () => {
  const script = `eval "$("$0" completion bash)"
    try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _osmith; echo "\${COMPREPLY[@]}"; }
    try osmith doc; try osmith -C dir doctor --j`;
  expect((await run('bash', ['-c', script, OSMITH])).stdout).toBe('doctor\n--json\n');
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s reaches commands as one abort signal and ends in E_INTERRUPTED',
  async (signal) => {
    const signals = JSON.stringify(join(import.meta.dirname, 'signals.ts'));
    const program = `import { interruption, listenForSignals } from ${signals};
    listenForSignals();
    setInterval(() => {}, 1000);
    interruption.addEventListener('abort', () => console.log(interruption.reason.code));
    console.log('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const seen: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen.push(text);
      child.kill(signal); // once for `ready`, and again for the code: the second one ends it
    });
    const code = await new Promise((resolve) => child.on('exit', resolve));
    expect([seen.join(''), code]).toEqual(['ready\nE_INTERRUPTED\n', 1]);
  },
);
