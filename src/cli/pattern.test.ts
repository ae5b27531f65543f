/** Patterns, tokens and keys by the real command line. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from './globals.ts';

const dir = mkdtempSync(join(tmpdir(), 'osmith-cli-pattern-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function osmith(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, XDG_CONFIG_HOME: join(dir, 'config') };
  return spawnSync(join(ROOT, 'osmith'), args, { cwd: dir, encoding: 'utf8', env });
}

function manifest(version: string): string {
  return JSON.stringify({
    name: 'demo_deb_amd64',
    epoch: Number(version),
    packages: [{ name: 'bash', version }],
    artifacts: [],
  });
}

beforeAll(() => {
  writeFileSync(
    join(dir, 'demo.jsonnet'),
    `local vars = std.extVar('vars');
    { issuer: 'me', audience: ['fleet'], runVars: { kept: 1 },
      build: [
        { id: 'make', always: true, change: "printf '%s' " + std.escapeStringBash(vars.manifest), onChange: ['osmith:buildManifest'] },
        { id: 'branch', always: true, change: 'echo ' + std.get(vars.variant, 'branch', 'none') + ' "$OSMITH_OUT"', onChange: ['osmith:runVar_WHERE'] },
      ],
      run: [{ id: 'f', check: 'test -e ${dir}/flag', change: 'touch ${dir}/flag', remove: 'rm ${dir}/flag' }] }`,
  );
  writeFileSync(
    join(dir, 'small.json'),
    JSON.stringify({
      run: [{ id: 'f', check: `test -e ${dir}/flag`, change: `touch ${dir}/flag`, remove: `rm ${dir}/flag` }],
    }),
  );
});

test('keys: the private one is not shown, and not overwritten', () => {
  const made = osmith('keys', 'generate');
  expect(made.status).toBe(0);
  const file = join(dir, 'config/osmith/sign.key');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const secret = readFileSync(file, 'utf8').split(':')[1]!;
  expect(made.stdout).toMatch(/^ed25519public:[^:]+:[\w-]{10}\n$/);
  expect(made.stdout + made.stderr).not.toContain(secret);
  expect(osmith('keys', 'generate')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/E_KEY.*exists/) as string,
  });
});

test('a build makes a token that verifies, and equal builds make equal ones', () => {
  const build = (version: string, out: string) =>
    osmith(
      'pattern',
      'build',
      'demo.jsonnet',
      'deb12',
      '--out',
      out,
      '--var',
      `manifest=${manifest(version)}`,
    );
  expect(build('1', 'a')).toMatchObject({ status: 0, stdout: `${dir}/a/demo_deb_amd64.jwt\n` });
  build('1', 'a2');
  build('2', 'b');
  const show = osmith('--json', 'jwt', 'show', 'a/demo_deb_amd64.jwt', '--audience', 'fleet');
  const { verified, claims } = JSON.parse(show.stdout) as {
    verified: boolean;
    claims: Record<string, unknown>;
  };
  expect(verified).toBe(true);
  expect(claims).toMatchObject({
    ...{ iss: 'me', sub: 'demo_deb_amd64', buildManifest: manifest('1') },
    runVars: { kept: 1, WHERE: `deb12 ${dir}/a` },
    pattern: { entrypoint: 'demo.jsonnet' },
  });
  const compare = (...args: string[]) => osmith('jwt', 'compare', ...args);
  const sameVars = ['--unverified'];
  expect(compare('a/demo_deb_amd64.jwt', 'a/demo_deb_amd64.jwt')).toMatchObject({
    status: 0,
    stdout: 'The builds are equal\n',
  });
  const different = compare('a/demo_deb_amd64.jwt', 'b/demo_deb_amd64.jwt', ...sameVars);
  expect(different.status).toBe(1);
  expect(different.stdout).toContain('packages: 0 added, 0 removed, 1 changed\n  ~ bash 1 -> 2\n');
});

test('what does not verify ends with 5, and is still shown', () => {
  const token = readFileSync(join(dir, 'a/demo_deb_amd64.jwt'), 'utf8');
  writeFileSync(join(dir, 'bad.jwt'), `${token.slice(0, -4)}AAAA`);
  const shown = osmith('jwt', 'show', 'bad.jwt');
  expect(shown.status).toBe(5);
  expect(shown.stdout).toMatch(/NOT VERIFIED: The signature of the token does not hold\n[^]*demo_deb_amd64/);
  osmith('keys', 'generate', 'other');
  const wrong = (...args: string[]) => osmith('jwt', ...args).status;
  expect(wrong('show', 'a/demo_deb_amd64.jwt', '--key', 'other.pub')).toBe(5);
  expect(wrong('show', 'a/demo_deb_amd64.jwt', '--rule', 'false')).toBe(5);
  expect(wrong('compare', 'bad.jwt', 'a/demo_deb_amd64.jwt')).toBe(5);
  writeFileSync(join(dir, 'garbage.jwt'), 'garbage\u001b[31m');
  expect(wrong('show', 'garbage.jwt')).toBe(5);
  expect(wrong('show', 'missing.jwt')).toBe(2);
});

test('a program signs', () => {
  writeFileSync(join(dir, 'sign'), `#!/bin/sh\nexec openssl dgst -sha256 -sign ${dir}/hsm.pem\n`);
  chmodSync(join(dir, 'sign'), 0o755);
  osmith('keys', 'generate', 'hsm', '--algorithm', 'ecp256', '--id', 'module');
  const der = Buffer.from(readFileSync(join(dir, 'hsm.key'), 'utf8').split(':')[1]!, 'base64');
  spawnSync('openssl', ['pkey', '-inform', 'DER', '-out', join(dir, 'hsm.pem')], { input: der });
  const built = osmith(
    ...['pattern', 'build', '--out', 'h', '--var', `manifest=${manifest('1')}`],
    ...['--public-key', 'hsm.pub', '--sign-command', './sign', '--', 'demo.jsonnet'],
  );
  expect(built.status, built.stderr).toBe(0);
  expect(osmith('jwt', 'show', '--key', 'hsm.pub', 'h/demo_deb_amd64.jwt').stdout).toMatch(
    /verified\nkey +module, ES256/,
  );
});

test('run, check, remove, and from a token', () => {
  const flag = () => existsSync(join(dir, 'flag'));
  expect(osmith('pattern', 'run', '--check', 'small.json').stdout).toBe('would change  f\n');
  expect(flag()).toBe(false);
  expect(osmith('pattern', 'run', 'small.json').stdout).toBe('changed  f\n');
  expect(osmith('pattern', 'run', 'small.json').stdout).toBe('nothing to do\n');
  writeFileSync(join(dir, 'empty.json'), '{}');
  expect(osmith('pattern', 'run', '--previous', 'small.json', 'empty.json').stdout).toBe('removed  f\n');
  expect(flag()).toBe(false);
  const token = (...args: string[]) =>
    osmith(
      'pattern',
      'run',
      'a/demo_deb_amd64.jwt',
      '--check',
      '--var',
      'manifest=',
      '--var',
      'variant=',
      ...args,
    );
  expect(token()).toMatchObject({ status: 2 }); // the variant is no object
  expect(osmith('pattern', 'run', '--check', 'bad.jwt').status).toBe(5);
  expect(osmith('pattern', 'test', 'small.json')).toMatchObject({
    status: 0,
    stdout: 'change, check, remove, check again: all well\n',
  });
  writeFileSync(
    join(dir, 'lies.json'),
    JSON.stringify({ run: [{ id: 'x', check: 'false', change: 'true' }] }),
  );
  expect(osmith('pattern', 'test', 'lies.json')).toMatchObject({
    status: 4,
    stdout: expect.stringContaining('failed  x: check fails after the change') as string,
  });
  writeFileSync(
    join(dir, 'fails.json'),
    JSON.stringify({ run: [{ id: 'x', always: true, change: 'echo why >&2; exit 3' }] }),
  );
  expect(osmith('pattern', 'run', 'fails.json')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/E_COMMAND.*exit code 3[^]*why/) as string,
  });
  writeFileSync(
    join(dir, 'out.json'),
    JSON.stringify({
      run: [{ id: 'x', always: true, change: 'echo 7', onChange: ['osmith:exit', 'osmith:stdout'] }],
    }),
  );
  expect(osmith('pattern', 'run', 'out.json')).toMatchObject({ status: 7, stdout: '7\nchanged  x\n' });
});

test('the pattern of the appliance renders, also where nothing is known of the build', () => {
  const file = join(ROOT, 'workspace/patterns/appliance/main.jsonnet');
  expect(osmith('pattern', 'run', '--check', file)).toMatchObject({ status: 0, stdout: 'nothing to do\n' });
});
