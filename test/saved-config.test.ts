/** The configuration that a build leaves next to its artifacts, and the secrets that it does not leave anywhere. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contents, ran, smallWorkspace, warm, type Small } from './support/small.ts';

const SECRET = 'hunter2-5f4dcc3b';
const PRIVATE = `[build]\nbuild_version = ${SECRET}\n`;

let small: Small;
const config = (name: string) => join(small.workspace, 'config', name);

beforeAll(async () => {
  small = smallWorkspace();
  await warm(small);
  small.hook('70-env.chroot', '# osmith: env all\nenv > /etc/everything\n');
  writeFileSync(config('local.ini'), '[refine]\nhostname = kiosk\nhooks_add = 70-env.chroot\n');
  writeFileSync(config('private.ini'), `[image]\ntitle = ${SECRET}\n${PRIVATE}`);
  const built = await small.run(['build', '--set', 'image.title=Kiosk', '--debug']);
  expect(built.exitCode, built.all).toBe(0);
  expect(built.all).not.toContain(SECRET);
});

afterAll(() => small.remove());

test('a private value is in no artifact, log, layer or plan', async () => {
  const planned = await small.run(['plan', '--json', '--set', 'image.title=Kiosk']);
  expect(planned.exitCode, planned.all).toBe(0);
  expect(planned.stdout).not.toContain(SECRET);
  const found = spawnSync('grep', ['-rlF', SECRET, small.dir], { encoding: 'utf8' }).stdout;
  expect(found.trim()).toBe(config('private.ini'));
});

test('the saved configuration builds the same again, without the files that it came from', async () => {
  const good = await contents(small.out);
  const [saved] = Object.keys(good).filter((name) => name.endsWith('.config.ini'));
  const text = readFileSync(join(small.out, saved!), 'utf8');
  expect(text).toMatch(/^# Configuration of osmith_deb_\w+, saved by Osmith /);
  expect(text).not.toContain(small.dir);
  // Only what the saved file says.
  for (const name of ['defaults.ini', 'branch', 'arch', 'product']) rmSync(config(name), { recursive: true });
  cpSync(join(small.out, saved!), config('local.ini'));
  writeFileSync(config('private.ini'), PRIVATE);
  const again = small.start([]);
  expect(await again.exit).toMatchObject({ code: 0 });
  expect(ran(again.events)).toEqual(['manifest/config']);
  const { [saved!]: before, ...artifacts } = good;
  expect(before).toBeDefined();
  expect(await contents(small.out)).toMatchObject(artifacts);
});
