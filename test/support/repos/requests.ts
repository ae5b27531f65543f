/** Systems out of the small repositories: how they are asked for, and what is in them. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { outputFile, type System, type SystemRequest } from '../rootfs.ts';
import type { WebServer } from '../web-server.ts';
import type { Family } from './families.ts';
import type { SigningKey } from './openpgp.ts';

export function keyringOf(family: Family, which: SigningKey): string {
  return family.keyring?.(which) ?? which.public;
}

/** What a system of all packages is asked for with; `key` signs the repository. */
export function requestFor(family: Family, web: WebServer, key: SigningKey): SystemRequest {
  const { branch, distro, suite, components, arch } = family;
  return {
    ...{ branch, distro, suite, components, arch, mirror: web.url, keyring: keyringOf(family, key) },
    boots: family.boot !== undefined,
    ...{ base: ['base'], extra: ['extra', 'machine'] },
  };
}

const NAMES = ['base', 'extra', 'filesystem', 'libextra', 'machine', 'scripted', 'shell', 'special'];

/** Packages of that system. */
export function namesOf({ own = [] }: Family): string[] {
  return [...NAMES, ...own].sort();
}

export function checkBootFiles(family: Family, system: System): void {
  for (const [name, path] of Object.entries(family.boot ?? {})) {
    expect(readFileSync(outputFile(system, 'boot-files', name), 'utf8')).toBe(path);
  }
}
