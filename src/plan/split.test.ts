/** Systems on two disks, before any work. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { makePlan } from './index.ts';

const WORKSPACE = join(import.meta.dirname, '../../workspace');

/** With a file of these lines in [image] over those of the workspace. */
function plan(product: string, ...lines: string[]) {
  const localdir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  onTestFinished(() => rmSync(localdir, { recursive: true }));
  mkdirSync(join(localdir, 'config/product'), { recursive: true });
  writeFileSync(join(localdir, `config/product/${product}.ini`), `[image]\n${lines.join('\n')}\n`);
  return makePlan(loadConfig({ workspace: WORKSPACE, localdir, attributes: { product }, set: [] }));
}

const FORMATS = 'formats_add = disk2.raw disk2.qcow2';

it.each([
  ['desktop', 'split_dirs_add = lib/x', 'lib/x is no absolute path', 2],
  ['desktop', 'split_dirs_add = /usr', '/usr cannot be on the second disk', 2],
  ['desktop', 'split_dirs_add = /var', '/var cannot be on the second disk', 2],
  ['desktop', 'split_dirs_add = /var/../usr', '/var/../usr is no plain path', 2],
  ['desktop', 'split_dirs_add = /var/lib/ok /var/lib/ok/x', '/var/lib/ok/x is in /var/lib/ok already', 2],
  ['appliance', 'split_dirs_add = /var/lib/x', 'for systems that are deployed from a commit', 2],
  ['desktop', 'split_dirs_add = /var/lib/x\nformats_add = iso', 'iso holds one disk', 3],
])('refuses of %s: %s', (product, line, message, number) => {
  let caught: unknown;
  try {
    plan(product, line, ...(line.includes('formats') ? [] : [FORMATS]));
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(OsmithError);
  expect(caught).toMatchObject({
    code: 'E_CONFIG',
    message: expect.stringContaining(message) as string,
    details: { where: { file: expect.stringMatching(/product\/\w+\.ini$/) as string, line: number } },
  });
});

it('refuses a second disk that nobody gets', () => {
  expect(() => plan('desktop', 'split_dirs_add = /var/lib/x')).toThrow(/no image.formats would hold/);
});

it('makes two disks of one system, with limits and formats for each', () => {
  const { steps, artifacts } = plan(
    'desktop',
    ...['split_dirs_add = /var/lib/flatpak', FORMATS],
    ...['limits_add = disk2.qcow2:1G disk2.raw:2G', 'extra_space = 5G'],
  );
  const step = (id: string) => steps.find((each) => each.id === `package/${id}`);
  expect(artifacts.map(({ name }) => name)).toContain('osmith_deb_amd64.disk2.qcow2');
  expect(step('root')?.inputs).toEqual({ root: { step: 'package/split-rest', output: 'tree' } });
  expect(step('extra')).toMatchObject({
    params: { label: 'extra' },
    inputs: { root: { step: 'package/split-off', output: 'tree' } },
  });
  expect(step('disk2')?.params['maxSize']).toBe(2 ** 31);
  expect(step('disk2.qcow2')?.params).toMatchObject({ format: 'qcow2', maxSize: 2 ** 30 });
  expect(step('disk2.qcow2')?.params['extraSpace']).toBeUndefined();
  const where = step('split-off')?.origins?.['/var/lib/flatpak'];
  expect(readFileSync(where!.file, 'utf8').split('\n')[where!.line! - 1]).toContain('/var/lib/flatpak');
});

it('changes nothing of a system on one disk', () => {
  const { steps } = plan('desktop');
  expect(steps.filter(({ id }) => /split|disk2|extra$/.test(id))).toEqual([]);
});
