/** What the configuration says about disks, before any work. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { makePlan } from './index.ts';

const WORKSPACE = join(import.meta.dirname, '../../workspace');

function plan(set: string[], attributes: Record<string, string> = {}) {
  return makePlan(loadConfig({ workspace: WORKSPACE, attributes, set }));
}

function fault(set: string[], attributes: Record<string, string> = {}): OsmithError {
  try {
    plan(set, attributes);
  } catch (error) {
    if (error instanceof OsmithError) return error;
  }
  throw new Error('there was no fault');
}

it.each([
  ['a layout that is not there', 'image.layout=none', /no partition layout none/],
  ['one for another architecture', 'image.layout=desktop-arm64', /it is for arm64, not for amd64/],
  ['one for another platform', 'image.layout=rpi', /cannot be used: it is for arm64/],
  ['a limit that is none', 'image.limits_add=qcow2', /qcow2 is no limit/],
  ['a limit without a size', 'image.limits_add=qcow2:much', /qcow2:much is no limit/],
  ['a limit for what can have none', 'image.limits_add=pxe:4G', /pxe can have no limit/],
])('refuses %s, and says where it stands', (_, set, message) => {
  const error = fault([set]);
  expect(error).toMatchObject({ code: 'E_CONFIG', message: expect.stringMatching(message) as string });
  expect(error.details.where).toBeDefined();
  expect(error.details.hint).toBeDefined();
});

it('tells the layouts that a machine can have', () => {
  const board = { product: 'desktop', arch: 'arm64', platform: 'rpi4' };
  const error = fault(['image.layout=desktop'], board);
  expect(error.details.hint).toMatch(/ appliance, desktop-arm64, rpi$/);
  const memory = fault(['image.layout=rpi'], { ...board, product: 'appliance' });
  expect(memory.message).toMatch(/has a root partition, and this system runs from memory$/);
  expect(memory.details.hint).toMatch(/: appliance$/);
});

it.each(['appliance', 'desktop'])('hands limits and room on to the formats of the %s', (product) => {
  const { steps } = plan(
    ['image.formats_add=qcow2 raw.xz', 'image.limits_add=qcow2:1G', 'image.extra_space=3G'],
    { product },
  );
  const params = (id: string) => steps.find((step) => step.id === id)?.params;
  expect(params('package/qcow2')).toMatchObject({ maxSize: 2 ** 30, extraSpace: 3 * 2 ** 30 });
  expect(params('package/raw.xz')).toEqual({ format: 'raw.xz' });
});

it.each(['appliance', 'desktop'])('makes boot.zip of the disk of the %s', (product) => {
  const { artifacts, steps } = plan(['image.formats=boot.zip'], { product });
  const { name, step } = artifacts.find((artifact) => artifact.name.endsWith('.zip'))!;
  expect(name).toBe('osmith_deb_amd64.boot.zip');
  expect(steps.find(({ id }) => id === step)?.inputs).toEqual({
    raw: { step: 'package/disk', output: 'raw' },
  });
});

it('marks what grows unless it is not to grow', () => {
  const grows = (set: string[]) =>
    JSON.stringify(plan(set, { product: 'desktop' }).steps.find(({ id }) => id === 'package/disk')).includes(
      '"grows":true',
    );
  expect([grows([]), grows(['image.rootfs_resize=false'])]).toEqual([true, false]);
});
