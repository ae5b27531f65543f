/** A git repository of packages beside a registry that they are pushed to, and what other programs see of images. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { osmith, type Finished } from './osmith.ts';
import { startRegistry } from './registry.ts';

export interface PackageRepo {
  dir: string;
  /** Of the registry. */
  host: string;
  put: (name: string, text: string) => void;
  git: (...args: string[]) => string;
  /** `osmith ...` in the repository. */
  run: (...args: string[]) => Promise<Finished>;
  /** The same, which must succeed. */
  good: (...args: string[]) => Promise<Finished>;
  remove: () => void;
}

export async function packageRepo(): Promise<PackageRepo> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'osmith-pkg-')));
  const registry = await startRegistry(dir);
  const put = (name: string, text: string) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  };
  const git = (...args: string[]) => {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false'];
    return execFileSync('git', ['-C', dir, ...identity, ...args], { encoding: 'utf8' }).trim();
  };
  const run = (...args: string[]) => osmith(args, { cwd: dir });
  const good = async (...args: string[]) => {
    const done = await run(...args);
    expect(done.exitCode, done.all).toBe(0);
    return done;
  };
  const remove = () => {
    registry.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  git('init', '-q', '.');
  put('.gitignore', '/data\n/registry.json\n/out*\n');
  return { dir, host: registry.host, put, git, run, good, remove };
}

export function skopeo(...args: string[]): string {
  return execFileSync('skopeo', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
}

/** A file of an image's last layers, as tar and skopeo see it. */
export function fileOf(source: string, name: string): string {
  const out = mkdtempSync(join(tmpdir(), 'osmith-image-'));
  try {
    skopeo('copy', '-q', source, `dir:${out}`);
    const { layers } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as {
      layers: { digest: string }[];
    };
    const found = layers.map(({ digest }) =>
      spawnSync('tar', ['-xOzf', join(out, digest.slice(7)), name], { encoding: 'utf8' }),
    );
    return found.filter(({ status }) => status === 0).at(-1)?.stdout ?? '';
  } finally {
    rmSync(out, { recursive: true });
  }
}
