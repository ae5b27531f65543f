/** Looks for configuration where a machine can get some: in the image, on its command line, from whoever started it. */
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../errors.ts';
import { fetchSmall, request, type Http } from '../update/http.ts';
import { fat32Label } from '../update/esp.ts';
import type { RunProgram } from '../update/programs.ts';
import { checkConfig, isObject, merge, type AgentConfig } from './config.ts';
import { oemStrings } from './smbios.ts';

export interface Surroundings {
  /** `/`; tests: a directory with `etc`, `proc`, `sys`, `dev`. */
  root: string;
  /** Where instance metadata is served. */
  metadata: string;
  http: Http;
  run: RunProgram;
  log: (line: string) => void;
}

/** Where the image has its own part of the configuration. */
export const BASE_FILE = 'etc/osmith/agent.json';
/** What the words and strings begin with that hold configuration. */
const PREFIX = 'osmith.config=';
const LIMIT = 1024 * 1024;

async function text(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** JSON, or base64 of it for places where quotes and spaces are a trouble. Undefined: neither. */
export function parseConfig(content: string): Record<string, unknown> | undefined {
  const trimmed = content.trim().replace(/^#osmith-config\s*\n/, '');
  const plain = trimmed.startsWith('{') ? trimmed : Buffer.from(trimmed, 'base64').toString('utf8');
  try {
    const value: unknown = JSON.parse(plain);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function fromWords(words: readonly string[]): string | undefined {
  return words.find((word) => word.startsWith(PREFIX))?.slice(PREFIX.length);
}

async function fromCommandLine({ root }: Surroundings): Promise<string | undefined> {
  return fromWords(((await text(join(root, 'proc/cmdline'))) ?? '').trim().split(/\s+/));
}

async function fromSmbios({ root }: Surroundings): Promise<string | undefined> {
  const table = await readFile(join(root, 'sys/firmware/dmi/tables/DMI')).catch(() => undefined);
  return table === undefined ? undefined : fromWords(oemStrings(table));
}

/** Label of an ISO 9660 volume (ECMA-119, 8.4): at sector 16. */
async function volumeLabel(device: string): Promise<string | undefined> {
  try {
    const file = await open(device);
    try {
      const head = Buffer.alloc(512);
      const volume = Buffer.alloc(2048);
      await file.read(head, 0, 512, 0);
      await file.read(volume, 0, 2048, 16 * 2048);
      if (volume.toString('latin1', 1, 6) === 'CD001') return volume.toString('latin1', 40, 72).trimEnd();
      return fat32Label(head) ?? fat16Label(head);
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // no medium
  }
}

/** Small volumes are FAT12 or FAT16, with the label elsewhere. */
function fat16Label(sector: Buffer): string | undefined {
  if (sector.readUInt16LE(510) !== 0xaa55 || !/^FAT1[26] {3}$/.test(sector.toString('latin1', 54, 62)))
    return undefined;
  return sector.toString('latin1', 43, 54).trimEnd();
}

async function fromCidata({ root, run, log }: Surroundings): Promise<string | undefined> {
  const names = await readdir(join(root, 'sys/class/block')).catch(() => []);
  for (const name of names.sort()) {
    const device = join(root, 'dev', name);
    if ((await volumeLabel(device))?.toLowerCase() !== 'cidata') continue;
    const target = join(root, 'run/osmith/cidata');
    await mkdir(target, { recursive: true });
    const { exit, stderr } = await run(['mount', '-o', 'ro,nodev,nosuid,noexec', device, target]);
    if (exit !== 0) {
      log(`cannot mount ${device}: ${stderr.trim()}`);
      continue;
    }
    try {
      return await text(join(target, 'user-data'));
    } finally {
      await run(['umount', target]);
    }
  }
  return undefined;
}

/** Seconds a metadata service gets: most machines have none, and nothing answers. */
const METADATA_WAIT = 2000;

async function fetchWith(http: Http, url: string, headers: Record<string, string>): Promise<string> {
  const withHeaders: typeof fetch = async (input, init) =>
    http.fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), ...headers } });
  return (await fetchSmall({ ...http, fetch: withHeaders }, url, LIMIT)).toString('utf8');
}

/** A session for services of the EC2 kind that want one (IMDSv2). */
async function ec2Headers(http: Http, base: string): Promise<Record<string, string>> {
  const ask: typeof fetch = async (url, init) =>
    http.fetch(url, { ...init, method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' } });
  const parts: Uint8Array[] = [];
  for await (const part of request({ ...http, fetch: ask }, `${base}/latest/api/token`)) parts.push(part);
  return { 'x-aws-ec2-metadata-token': Buffer.concat(parts).toString('utf8') };
}

async function fromUserData({ metadata, http }: Surroundings): Promise<string | undefined> {
  const short = { ...http, stall: METADATA_WAIT };
  const headers = await ec2Headers(short, metadata).catch(() => ({}));
  return fetchWith(short, `${metadata}/latest/user-data`, headers).catch(() => undefined);
}

async function fromCloud({ metadata, http }: Surroundings): Promise<string | undefined> {
  const short = { ...http, stall: METADATA_WAIT };
  const places: [path: string, headers: Record<string, string>][] = [
    ['/computeMetadata/v1/instance/attributes/user-data', { 'metadata-flavor': 'Google' }],
    ['/metadata/instance/compute/userData?api-version=2021-01-01&format=text', { metadata: 'true' }],
    ['/openstack/latest/user_data', {}],
  ];
  for (const [path, headers] of places) {
    const found = await fetchWith(short, metadata + path, headers).catch(() => '');
    if (found !== '') return found;
  }
  return undefined;
}

const PLACES: [name: string, look: (surroundings: Surroundings) => Promise<string | undefined>][] = [
  ['configuration partition', async ({ root }) => text(join(root, 'config/agent.json'))],
  ['kernel command line', fromCommandLine],
  ['SMBIOS', fromSmbios],
  ['cidata volume', fromCidata],
  ['instance user data', fromUserData],
  ['cloud metadata', fromCloud],
];

/**
 * The configuration: the image's own file, and over it what the first other place says that has some, and over that
 * the next ones as long as each says `fallthrough`. Throws E_AGENT when the whole is not complete.
 */
export async function discover(surroundings: Surroundings): Promise<AgentConfig> {
  const found: string[] = [];
  let config: Record<string, unknown> = {};
  const use = (name: string, content: string | undefined): Record<string, unknown> | undefined => {
    if (content === undefined || content.trim() === '') return undefined;
    const part = parseConfig(content);
    if (part === undefined) {
      surroundings.log(`${name}: what is there is not a configuration in JSON: ignored`);
      return undefined;
    }
    found.push(name);
    config = { ...merge(config, part), fallthrough: false };
    return part;
  };
  use(`/${BASE_FILE}`, await text(join(surroundings.root, BASE_FILE)));
  for (const [name, look] of PLACES) {
    const part = use(name, await look(surroundings));
    if (part !== undefined && part['fallthrough'] !== true) break;
  }
  const checked = checkConfig(config, found);
  surroundings.log(`configuration from ${found.join(', ')}`);
  return checked;
}
