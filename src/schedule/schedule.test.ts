import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadVariants, type Variant, variantArguments } from '../config/variants.ts';
import type { OsmithError } from '../errors.ts';
import { describeWith } from '../disk/testing.ts';
import { githubMatrix, gitlabPipeline } from './matrix.ts';
import { unitsOf } from './units.ts';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-schedule-'));
  dirs.push(dir);
  return dir;
}

function variants(text: string): Variant[] {
  const workspace = scratch();
  mkdirSync(join(workspace, 'config'));
  const order =
    '[attributes]\norder = product branch arch platform personality\nproduct = kiosk\nbranch = one\n';
  writeFileSync(join(workspace, 'config', 'schema.ini'), order);
  writeFileSync(join(workspace, 'config', 'variants.ini'), text);
  return loadVariants({ workspace, systemDir: join(workspace, 'none') });
}

/** `LINE: MESSAGE` of every fault. */
function faults(text: string): string[] {
  try {
    variants(text);
  } catch (error) {
    const told = error as OsmithError;
    return [told, ...(told.details.also ?? [])].map(
      ({ message, details }) => `${details.where?.line}: ${message}`,
    );
  }
  return [];
}

describe('variants.ini', () => {
  it('stands for all combinations', () => {
    const found = variants(
      '[a]\nbranch = one two\narch = amd64 arm64\nrunner = big\nrunner_arm64 = arm\ncalendar = weekly\n' +
        '[b]\nproduct = other\narch = amd64\ndo = release build\n',
    );
    expect(found.map(({ name, runner, tasks, calendar }) => [name, runner, tasks, calendar?.text])).toEqual([
      ['kiosk-one-amd64-amd64-base', ['big'], ['build'], 'weekly'],
      ['kiosk-one-arm64-arm64-base', ['arm'], ['build'], 'weekly'],
      ['kiosk-two-amd64-amd64-base', ['big'], ['build'], 'weekly'],
      ['kiosk-two-arm64-arm64-base', ['arm'], ['build'], 'weekly'],
      ['other-one-amd64-amd64-base', [], ['build', 'release'], undefined],
    ]);
  });

  it('tells all mistakes with their lines', () => {
    expect(faults('[a]\nbrnch = one\ncalendar =\ndo = build ship\n')).toEqual([
      '2: There is no option brnch here',
      '3: calendar is empty',
      '4: Nothing called ship can be done with a variant',
    ]);
    expect(faults('[a]\narch = amd64\n[b]\narch = amd64 a/b\n')).toEqual(['3: arch cannot be "a/b"']);
    expect(faults('[a]\narch = amd64\n[b]\narch = amd64\n')).toEqual([
      'undefined: Two sections have the variant kiosk-one-amd64-amd64-base',
    ]);
  });
});

/** What may be in an attribute; the first character must not look like an option. */
const value = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  .filter((text) => /^[^\s/\\\p{Cc}-][^\s/\\\p{Cc}]*$/u.test(text));

function variant(personality: string): Variant {
  const attributes = { product: 'p', branch: 'b', arch: 'amd64', platform: 'amd64', personality };
  return {
    name: `p-${personality}`,
    attributes,
    tasks: ['build', 'release'],
    runner: [],
    target: '/srv/a b',
  };
}

describe('jobs for continuous integration', () => {
  it('hand the arguments to the shell as they are', () => {
    fc.assert(
      fc.property(value, (personality) => {
        const one = variant(personality);
        const github = githubMatrix([one]).include[0]!['run'] as string;
        const gitlab = parse(gitlabPipeline([one])) as Record<string, { script: string[] }>;
        expect(gitlab[one.name]!.script).toEqual(github.split('\n'));
        const line = github.split('\n')[0]!.replace('./osmith build', String.raw`printf '%s\0'`);
        const words = execFileSync('sh', ['-c', line], { encoding: 'utf8' }).split('\0').slice(0, -1);
        expect(words).toEqual(variantArguments(one));
      }),
      { numRuns: 60 },
    );
  });
});

describeWith(['systemd-analyze'], 'units', () => {
  it('are what systemd takes, whatever is in names and paths', () => {
    const dir = scratch();
    const osmith = join(dir, 'os  m $HOME %h', 'osmith');
    mkdirSync(join(osmith, '..'));
    writeFileSync(osmith, '#!/bin/sh\n', { mode: 0o755 });
    const files = ['es', 'ü"q', '$x%y', "a'b;c&d"].flatMap((personality) =>
      unitsOf(variant(personality), '*-*-05 03:00', { osmith, workspace: dir, user: 'root' }).map(
        ({ file, text }) => {
          writeFileSync(join(dir, file), text);
          return join(dir, file);
        },
      ),
    );
    expect(files).toHaveLength(8);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    const service = readFileSync(files[0]!, 'utf8');
    expect(service).toContain('ReadWritePaths="/srv/a b"');
    const quotes = { osmith: '/o"s/osmith', workspace: dir, user: 'root' };
    expect(() => unitsOf(variant('es'), 'weekly', quotes)).toThrow(/no program with such a path/);
  });
});
