import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { splitUnits, unitName } from '../../disk/split.ts';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import { DIRECTORY, HARD_LINK } from '../../run/layer/entry.ts';
import { runStep, treeOf, type StepRun } from '../testing.ts';

const STATE = 'ostree/deploy/os';
const DEPLOYMENT = `${STATE}/deploy/abc.0`;
const directory = (path: string, mode = 0o755) => ({ path, type: DIRECTORY, mode }) as const;
const sysroot = treeOf([
  directory(''),
  ...['ostree', 'ostree/deploy', STATE, `${STATE}/var`, `${STATE}/var/lib`].map((path) => directory(path)),
  directory(`${STATE}/var/lib/apps`, 0o750),
  { path: `${STATE}/var/lib/apps/big`, content: 'big'.repeat(1000) },
  { path: `${STATE}/var/lib/apps/same`, type: HARD_LINK, link: `${STATE}/var/lib/apps/big` },
  { path: `${STATE}/var/lib/apps-not`, content: 'stays' },
  ...[`${STATE}/deploy`, DEPLOYMENT, `${DEPLOYMENT}/etc`].map((path) => directory(path)),
]);
const params = { root: STATE, directories: ['/var/lib/apps'] };

/** The tree as GNU tar unpacks it. */
async function unpacked({ result, store }: StepRun): Promise<string> {
  const dir = scratch();
  const tree = { result, output: 'tree' };
  const { files } = await runStep('archive', { what: 'it' }, { tree }, { store });
  const input = readFileSync(Object.values(files)[0]!);
  expect(run(['tar', '-x', '--no-same-owner', '-p', '-C', dir], { input })).toMatchObject({ status: 0 });
  return dir;
}

describeWith(['tar', 'find'], 'a split system', () => {
  it('has each file on one disk, with an empty directory where the other is mounted', async () => {
    const base = await runStep('stack', { what: 'x' }, { base: sysroot, top: treeOf([]) });
    base.result.facts = { uuid: 'root', immutable: [`/${DEPLOYMENT}`] };
    const given = { result: base.result, output: 'tree' };
    const off = await runStep('split-off', params, { root: given }, { store: base.store });
    const rest = await runStep(
      'split-rest',
      params,
      { base: given, extra: { result: off.result, output: 'tree' } },
      { store: base.store },
    );
    const list = (dir: string) =>
      run(['find', '.', '-mindepth', '1', '-printf', '%P %y %m %n\\n'], { cwd: dir })
        .stdout.split('\n')
        .filter((line) => !line.includes(' d 755 '))
        .sort()
        .slice(1);
    expect(list(await unpacked(off))).toEqual([
      expect.stringMatching(/^var\/lib\/apps d 750 /),
      'var/lib/apps/big f 644 2',
      'var/lib/apps/same f 644 2',
    ]);
    const units = `${DEPLOYMENT}/etc/systemd/system`;
    const names = ['var-lib-apps.mount', 'var-osmith\\x2dextra.mount'];
    expect(list(await unpacked(rest))).toEqual([
      ...names.map((name) => `${units}/local-fs.target.wants/${name} l 777 1`),
      ...names.map((name) => `${units}/${name} f 644 1`),
      expect.stringMatching(/var\/lib\/apps d 750 /),
      `${STATE}/var/lib/apps-not f 644 1`,
    ]);
    expect(rest.facts['uuid']).toBe('root');
    expect(off.facts['uuid']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('has an empty directory on its second disk where the build has none, but no file', async () => {
    const more = { ...params, directories: ['/var/home', '/var/lib/apps'] };
    const dir = await unpacked(await runStep('split-off', more, { root: sysroot }));
    const found = run(['find', 'var', '-maxdepth', '2', '-type', 'd', '-empty'], { cwd: dir });
    expect(found.stdout).toBe('var/home\n');
    const wrong = { ...params, directories: ['/var/lib/apps-not'] };
    await expect(runStep('split-off', wrong, { root: sysroot })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining('/var/lib/apps-not, which is to be') as string,
    });
  });
});

describeWith(['systemd-analyze', 'systemd-escape'], 'the units of a split system', () => {
  it('are named and written as systemd wants them', () => {
    const paths = ['/var/lib/flatpak', '/var/lib/a-b', '/var/x/.hidden', '/var/a_b.c@d'];
    const escaped = run(['systemd-escape', '--path', '--suffix=mount', ...paths]).stdout.trim();
    expect(paths.map(unitName).join(' ')).toBe(escaped);
    const dir = join(scratch(), 'units');
    mkdirSync(dir);
    const units = splitUnits('01234567-89ab-4cde-8f01-23456789abcd', paths);
    for (const [name, text] of units) writeFileSync(join(dir, name), text);
    const files = [...units.keys()].map((name) => join(dir, name));
    const verified = run(['systemd-analyze', 'verify', '--man=no', ...files], { env: { HOME: dir } });
    expect(verified).toMatchObject({ status: 0, stderr: '' });
  });
});
