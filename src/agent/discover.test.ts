import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunProgram } from '../update/programs.ts';
import { checkConfig, merge } from './config.ts';
import { discover, parseConfig } from './discover.ts';
import { oemStrings } from './smbios.ts';

let root: string;
let server: Server;
let metadata: Record<string, string>;
let url: string;
let lines: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'osmith-discover-'));
  metadata = {};
  lines = [];
  server = createServer((request, response) => {
    const key = `${request.method} ${request.url}`;
    const wants = metadata[`${key} header`];
    const body = metadata[key];
    const allowed = wants === undefined || request.headers[wants] !== undefined;
    response.writeHead(body !== undefined && allowed ? 200 : 404).end(allowed ? body : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.close();
  await rm(root, { recursive: true });
});

async function put(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const BASE = { verifyKeys: ['ed25519public:AAAA:base'], sources: { base: { allowPush: true } } };

/** `mount` of an image: takes `user-data` out of it. */
const mountImage: RunProgram = async ([program, ...args]) => {
  if (program === 'mount') {
    const [device, target] = args.slice(-2) as [string, string];
    // In this order: xorriso takes what is not ISO 9660 for an empty volume.
    const fat = await execa('mcopy', ['-i', device, '::user-data', target], { reject: false });
    if (fat.exitCode !== 0)
      await execa('xorriso', ['-osirrox', 'on', '-indev', device, '-extract', '/', target]);
  }
  return { exit: 0, stdout: '', stderr: '' };
};

async function find() {
  return discover({
    ...{ root, metadata: url, run: mountImage, log: (line: string) => lines.push(line) },
    http: { fetch, signal: new AbortController().signal, stall: 1000 },
  });
}

/** A structure table as firmware has it (SMBIOS specification 3.7, 6.1). */
function table(...strings: string[]): Buffer {
  const bios = Buffer.concat([Buffer.from([0, 24, 0, 0]), Buffer.alloc(20), Buffer.from('SeaBIOS\0\0')]);
  const text = Buffer.from(strings.map((string) => `${string}\0`).join('') + '\0');
  const oem = Buffer.concat([Buffer.from([11, 5, 1, 0, strings.length]), text]);
  return Buffer.concat([bios, oem, Buffer.from([127, 4, 2, 0, 0, 0])]);
}

test('nothing is there', async () => {
  await expect(find()).rejects.toThrow('There is no key to verify with (nothing was found)');
});

test('the base file alone', async () => {
  await put('etc/osmith/agent.json', JSON.stringify(BASE));
  expect(Object.keys((await find()).sources)).toEqual(['base']);
});

test('each place is looked at in its turn, and the first one ends the search', async () => {
  await put('etc/osmith/agent.json', JSON.stringify({ verifyKeys: ['k'] }));
  metadata['GET /openstack/latest/user_data'] = JSON.stringify({ sources: { cloud: {} } });
  expect(Object.keys((await find()).sources)).toEqual(['cloud']);
  metadata['PUT /latest/api/token'] = 'secret';
  metadata['GET /latest/user-data'] = JSON.stringify({ sources: { instance: {} } });
  metadata['GET /latest/user-data header'] = 'x-aws-ec2-metadata-token';
  expect(Object.keys((await find()).sources)).toEqual(['instance']);
  await put('sys/firmware/dmi/tables/DMI', table('other', 'osmith.config={"sources":{"smbios":{}}}'));
  expect(Object.keys((await find()).sources)).toEqual(['smbios']);
  const word = Buffer.from(JSON.stringify({ sources: { cmdline: {} } })).toString('base64');
  await put('proc/cmdline', `quiet osmith.config=${word} osmith.slot=a\n`);
  expect(Object.keys((await find()).sources)).toEqual(['cmdline']);
  expect(lines.at(-1)).toBe('configuration from /etc/osmith/agent.json, kernel command line');
});

test('fallthrough goes on, and later places go over earlier ones', async () => {
  await put('etc/osmith/agent.json', JSON.stringify({ ...BASE, metricsKey: 'from the file' }));
  await put(
    'proc/cmdline',
    `osmith.config=${Buffer.from('{"fallthrough":true,"metricsKey":"from cmdline","sources":{"one":{}}}').toString('base64')}`,
  );
  await put(
    'sys/firmware/dmi/tables/DMI',
    table('osmith.config={"sources":{"one":{"checkOnly":true},"two":{}}}'),
  );
  metadata['GET /latest/user-data'] = '{"metricsKey":"never reached"}';
  const config = await find();
  expect(config.metricsKey).toBe('from cmdline');
  expect(Object.keys(config.sources)).toEqual(['base', 'one', 'two']);
  expect(config.sources['one']!.checkOnly).toBe(true);
  expect(config.fallthrough).toBe(false);
});

test.each(['CIDATA', 'cidata'])('a FAT volume with the label %s', async (label) => {
  await put('etc/osmith/agent.json', JSON.stringify({ verifyKeys: ['k'] }));
  await put('user-data', '#osmith-config\n{"sources":{"volume":{}}}');
  await mkdir(join(root, 'sys/class/block/vdb'), { recursive: true });
  await mkdir(join(root, 'dev'));
  const device = join(root, 'dev/vdb');
  await execa('mkfs.vfat', ['-C', '-n', label, device, '1440']);
  await execa('mcopy', ['-i', device, join(root, 'user-data'), '::user-data']);
  expect(Object.keys((await find()).sources)).toEqual(['volume']);
});

test('an ISO 9660 volume', async ({ skip }) => {
  const made = await execa('xorriso', ['--version'], { reject: false });
  if (made.exitCode !== 0) skip('xorriso is not installed');
  await put('etc/osmith/agent.json', JSON.stringify({ verifyKeys: ['k'] }));
  await put('iso/user-data', '{"sources":{"volume":{}}}');
  await mkdir(join(root, 'sys/class/block/sr1'), { recursive: true });
  await mkdir(join(root, 'dev'));
  await execa('xorriso', ['-as', 'mkisofs', '-V', 'cidata', '-o', join(root, 'dev/sr1'), join(root, 'iso')]);
  expect(Object.keys((await find()).sources)).toEqual(['volume']);
});

test('what is not for us is passed over', async () => {
  await put('etc/osmith/agent.json', JSON.stringify(BASE));
  metadata['GET /latest/user-data'] = '#cloud-config\nusers: []\n';
  expect(Object.keys((await find()).sources)).toEqual(['base']);
  expect(lines[0]).toMatch(/not a configuration in JSON: ignored/);
});

test('faults are told with their place, never with a value', () => {
  const bad = (value: unknown) => () => checkConfig(value, ['SMBIOS']);
  expect(bad({ ...BASE, sorces: {} })).toThrow(/sorces.*found: SMBIOS/);
  expect(bad({ ...BASE, sources: { a: { pullPaths: ['ftp://secret'] } } })).toThrow(
    /^sources\.a\.pullPaths\.0: must be a URL/,
  );
  expect(bad({ ...BASE, metricsKey: 7 })).toThrow(/metricsKey/);
  expect(bad({ verifyKeys: ['k'] })).toThrow('There is no source');
  expect(bad({ ...BASE, sources: { '../x': {} } })).toThrow(/sources/);
  expect(bad({ ...BASE, sources: { a: { eventsReceive: ['('] } } })).toThrow(/regular expression/);
});

test('merging never reaches what all objects share', () => {
  merge({}, JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, unknown>);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('SMBIOS tables that are cut off or garbage', () => {
  const whole = table('osmith.config={}');
  for (let size = 0; size < whole.length; size += 1) oemStrings(whole.subarray(0, size));
  expect(oemStrings(whole)).toEqual(['osmith.config={}']);
  expect(oemStrings(Buffer.alloc(100))).toEqual([]);
  expect(parseConfig('not base64 !')).toBeUndefined();
});
