import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { generateKey } from '../pattern/index.ts';
import { IN_PROGRESS } from './layout.ts';
import { openPublisher } from './publish/index.ts';
import { readStored } from './published.ts';
import { directoryReader } from './reader.ts';
import {
  dying,
  NAME,
  openTestBuild,
  releaseTo,
  signer,
  snapshot,
  verifyWith,
  writeBuild,
  writeToken,
} from './testing.ts';
import { verifyPublished } from './verify.ts';

let dir: string;
let www: string;
let out: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-release-'));
  [www, out] = [join(dir, 'www'), join(dir, 'out')];
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

const day = (n: number) => 1_700_000_000 + n * 86_400;

/** A release of a build of that day. */
async function publishDay(n: number, options = {}) {
  await writeBuild(out, { version: `1.${n}`, epoch: day(n) });
  return releaseTo(www, out, options);
}

/** What a client that trusts our key has to complain about. */
async function wrongs(target = www): Promise<string[]> {
  const checks = await verifyPublished({ reader: directoryReader(target), verify: verifyWith(signer) }, NAME);
  return checks.filter(({ ok }) => !ok).map(({ file, detail }) => `${file}: ${detail}`);
}

const releases = async () => (await readdir(join(www, NAME))).filter((name) => !name.startsWith('.')).sort();

describe('comparing', () => {
  test('the first, the same, another one', async () => {
    expect(await publishDay(1)).toMatchObject({ action: 'publish', reason: 'first', kept: [], removed: [] });
    const before = await snapshot(www);
    // Signed anew, and so another token of the same build.
    expect(await releaseTo(www, out)).toMatchObject({ action: 'nothing' });
    expect(await snapshot(www)).toEqual(before);
    const second = await publishDay(2);
    expect(second).toMatchObject({ action: 'publish', reason: 'different' });
    expect(second.difference?.manifest.packages.changed).toEqual([{ name: 'demo', from: '1.1', to: '1.2' }]);
    expect(second.notes).toContain('| demo | 1.1 | 1.2 |');
    expect(await readFile(join(www, second.directory, 'notes.md'), 'utf8')).toBe(second.notes);
    expect(await wrongs()).toEqual([]);
  });

  test('a dry run says the same and changes nothing', async () => {
    await publishDay(1);
    const before = await snapshot(www);
    const dry = await publishDay(2, { dryRun: true });
    expect(await snapshot(www)).toEqual(before);
    const real = await releaseTo(www, out);
    expect({ ...dry, difference: null }).toEqual({ ...real, difference: null });
    expect(await stat(join(dir, 'nowhere')).catch(() => 'none')).toBe('none');
    await releaseTo(join(dir, 'nowhere'), out, { dryRun: true });
    expect(await stat(join(dir, 'nowhere')).catch(() => 'none')).toBe('none');
  });

  test('what is older is refused, unless it was asked for', async () => {
    await publishDay(2);
    const before = await snapshot(www);
    await expect(publishDay(1)).rejects.toMatchObject({ code: 'E_RELEASE' });
    expect(await snapshot(www)).toEqual(before);
    expect(await releaseTo(www, out, { allowOlder: true })).toMatchObject({ action: 'publish' });
    expect(await wrongs()).toEqual([]);
    // Of the same date, the date of the token counts.
    const made = await writeBuild(out, { version: 'x', epoch: day(1) });
    await writeToken(out, made, { iat: Math.floor(Date.now() / 1000) - 999 });
    await expect(releaseTo(www, out)).rejects.toMatchObject({ code: 'E_RELEASE' });
  });

  test('a token that has lived half of its time is renewed, though nothing else changed', async () => {
    const made = await writeBuild(out, { version: '1', epoch: day(1) });
    const iat = Math.floor(Date.now() / 1000);
    await writeToken(out, made, { iat: iat - 600, exp: iat + 400 });
    await releaseTo(www, out);
    expect(await releaseTo(www, out)).toMatchObject({ action: 'nothing' }); // it would gain no time
    await writeToken(out, made, { iat, exp: iat + 1000 });
    expect(await releaseTo(www, out)).toMatchObject({ action: 'publish', reason: 'renew' });
    expect(await releaseTo(www, out)).toMatchObject({ action: 'nothing' });
    expect(await wrongs()).toEqual([]);
    // One that has expired meanwhile is still ours: it is replaced, not refused.
    const verify = { ...verifyWith(signer), now: Date.now() + 10_000_000 };
    await writeToken(out, made, { iat: iat + 9000, exp: iat + 90_000 });
    const build = await openTestBuild(out, verify);
    expect(await releaseTo(www, out, { build, verify })).toMatchObject({ reason: 'renew' });
  });

  test('files that somebody deleted are put back for the token that names them', async () => {
    const { directory } = await publishDay(1);
    const token = await readFile(join(www, `${NAME}.jwt`), 'utf8');
    await rm(join(www, directory, `${NAME}.initrd`));
    await rm(join(www, directory, 'manifest.json'));
    expect(await releaseTo(www, out)).toMatchObject({ action: 'publish', reason: 'repair', directory });
    expect(await readFile(join(www, `${NAME}.jwt`), 'utf8')).toBe(token);
    expect(await wrongs()).toEqual([]);
  });
});

describe('refused before anything is published', () => {
  const other = generateKey('ed25519', 'release');
  const cases: [string, () => Promise<void>, RegExp][] = [
    ['a file that was changed', async () => change('initrd'), /other contents/],
    ['a file that is cut off', async () => writeFile(join(out, `${NAME}.initrd`), 'x'), /has 1 bytes/],
    ['a file that is missing', async () => rm(join(out, `${NAME}.vmlinuz`)), /is missing/],
    ['a token of another build', async () => foreignToken(), /token of another build/],
    ['a token of another key', async () => tokenBy(other), /signature/],
    ['a token that has expired', async () => tokenBy(signer, { exp: 1000 }), /expired/],
    ['a manifest that names a path', async () => rename('../evil'), /not the manifest/],
    ['a manifest that names itself', async () => rename('manifest.json'), /cannot be published/],
    ['a manifest that names its token', async () => rename(`${NAME}.jwt`), /cannot be published/],
    ['no build', async () => rm(out, { recursive: true }), /no build/],
  ];

  async function change(part: string): Promise<void> {
    const data = await readFile(join(out, `${NAME}.${part}`));
    data[1000]! ^= 1;
    await writeFile(join(out, `${NAME}.${part}`), data);
  }
  async function tokenBy(key = signer, claims = {}): Promise<void> {
    const made = await writeBuild(out, { version: '1.2', epoch: day(2) });
    await writeToken(out, made, claims, key);
  }
  async function foreignToken(): Promise<void> {
    const made = await writeBuild(join(dir, 'other'), { version: '3', epoch: day(3) });
    await writeToken(out, made);
  }
  async function rename(name: string): Promise<void> {
    const text = await readFile(join(out, 'manifest.json'), 'utf8');
    await writeFile(join(out, 'manifest.json'), text.replace(`${NAME}.vmlinuz`, name));
  }

  test.each(cases)('%s', async (_name, spoil, message) => {
    await publishDay(1);
    await writeBuild(out, { version: '1.2', epoch: day(2) });
    await spoil();
    const before = await snapshot(www);
    await expect(releaseTo(www, out)).rejects.toThrow(message);
    expect(await snapshot(www)).toEqual(before);
  });

  test('something else where the published token must be, unless it was asked for', async () => {
    await writeBuild(out, { version: '1.2', epoch: day(2) });
    const fed = await writeBuild(join(dir, 'fed'), { version: '1', epoch: 1, name: 'osmith_fed_amd64' });
    await writeToken(join(dir, 'fed'), fed);
    const others = [
      'garbage',
      await readFile(join(dir, 'fed', 'osmith_fed_amd64.jwt')),
      await (async () => {
        const theirs = await writeBuild(join(dir, 'theirs'), { version: '1', epoch: 1 });
        await writeToken(join(dir, 'theirs'), theirs, {}, other);
        return readFile(join(dir, 'theirs', `${NAME}.jwt`));
      })(),
    ];
    await mkdir(www);
    for (const content of others) {
      await writeFile(join(www, `${NAME}.jwt`), content);
      await expect(releaseTo(www, out)).rejects.toMatchObject({ code: 'E_SIGNATURE' });
      expect(await readFile(join(www, `${NAME}.jwt`))).toEqual(Buffer.from(content));
    }
    expect(await releaseTo(www, out, { replaceUnverified: true })).toMatchObject({ reason: 'first' });
    expect(await wrongs()).toEqual([]);
    // Keys change: both are trusted for a while.
    expect(await releaseTo(www, out, { verify: verifyWith(other, signer) })).toMatchObject({
      action: 'nothing',
    });
  });
});

describe('old releases', () => {
  test('so many stay, the newest; what is not ours stays as well', async () => {
    await mkdir(join(www, NAME, '2020-01-01-0123456789abcdef'), { recursive: true });
    const theirs = ['index.html', `${NAME}/readme`, `${NAME}/2020-01-01-0123456789abcdef/manifest.json`];
    for (const path of theirs) await writeFile(join(www, path), '{}');
    const made = [];
    for (const n of [1, 2, 3, 4]) made.push((await publishDay(n)).directory);
    expect(await releases()).toEqual([
      '2020-01-01-0123456789abcdef',
      ...made.slice(1).map((each) => each.slice(NAME.length + 1)),
      'readme',
    ]);
    // Somebody put something into an old release: only what is ours goes.
    await writeFile(join(www, made[1]!, 'comment.txt'), '');
    const fifth = await publishDay(5, { keep: 1 });
    expect(fifth).toMatchObject({ kept: [made[3]], removed: [made[2], made[1]] });
    expect(await readdir(join(www, made[1]!))).toEqual(['comment.txt']);
    for (const path of theirs) expect(await readFile(join(www, path), 'utf8')).toBe('{}');
    expect(await wrongs()).toEqual([]);
    await expect(publishDay(6, { keep: 0 })).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  test('each can be used by itself, and going back takes the files that are there', async () => {
    const { directory } = await publishDay(1);
    await cp(out, join(dir, 'first'), { recursive: true });
    await publishDay(2);
    const inode = (await stat(join(www, directory, `${NAME}.initrd`))).ino;
    const back = await releaseTo(www, join(dir, 'first'), { allowOlder: true });
    expect(back.directory).toBe(directory);
    expect((await stat(join(www, directory, `${NAME}.initrd`))).ino).toBe(inode);
    expect(await wrongs()).toEqual([]);
  });
});

describe('a release that ends too early', () => {
  test(
    'at any point: clients see a whole release, and the next run makes good what was left',
    { timeout: 300_000 },
    async () => {
      await publishDay(1);
      await publishDay(2);
      await publishDay(3);
      const start = join(dir, 'start');
      await cp(www, start, { recursive: true });
      await writeBuild(out, { version: '1.4', epoch: day(4) });
      await cp(out, join(dir, 'fourth'), { recursive: true });
      const states = new Set<string>();
      for (let n = 1; ; n += 1) {
        await rm(www, { recursive: true });
        await cp(start, www, { recursive: true });
        const publisher = dying(openPublisher({ target: www, name: NAME }), n);
        const ended = await releaseTo(www, join(dir, 'fourth'), { publisher }).then(
          () => true,
          () => false,
        );
        expect(await wrongs(), `killed before change ${n}`).toEqual([]);
        expect(await unmarked(), `killed before change ${n}`).toEqual([]);
        states.add(await readFile(join(www, `${NAME}.jwt`), 'utf8'));
        // Another build comes next: nothing of the one that was broken off is left, if machines have not seen it.
        const next = await publishDay(5);
        expect(next.action).toBe('publish');
        expect(
          (await readdir(www, { recursive: true })).filter((name) => name.endsWith(IN_PROGRESS)),
        ).toEqual([]);
        expect(await wrongs()).toEqual([]);
        expect((await releases()).length).toBe(3);
        if (!ended) continue;
        expect(n).toBeGreaterThan(8);
        break;
      }
      // The old token for a while, then the new one. (It is signed anew in each round.)
      expect(states.size).toBeGreaterThan(2);
    },
  );

  /** Releases that have files missing and say nothing of it. One that is being removed has no token any more. */
  async function unmarked(): Promise<string[]> {
    const found = await readStored(openPublisher({ target: www, name: NAME }), NAME);
    const lacking = await Promise.all(
      found.map(async ({ directory, complete, artifacts, inProgress }) => {
        const files = await readdir(join(www, directory));
        const whole = artifacts.every(({ path }) => files.includes(path.slice(directory.length + 1)));
        const silent = complete || files.includes(`${NAME}.jwt`);
        return !whole && silent && !files.includes(inProgress.slice(directory.length + 1)) ? [directory] : [];
      }),
    );
    return lacking.flat();
  }

  test('run again, it goes on where it was', async () => {
    await publishDay(1);
    await writeBuild(out, { version: '1.2', epoch: day(2) });
    const publisher = openPublisher({ target: www, name: NAME });
    const stop = new AbortController();
    const onFile = (path: string) => {
      if (path.endsWith('.chunks')) stop.abort(new Error('stopped'));
    };
    const aborted = { publisher: dying(publisher, 6), onFile, signal: stop.signal };
    await expect(releaseTo(www, out, aborted)).rejects.toThrow();
    const [directory] = (await releases()).slice(-1);
    const { ino } = await stat(join(www, NAME, directory!, `${NAME}.initrd`));
    expect(await wrongs()).toEqual([]);
    await releaseTo(www, out);
    expect((await stat(join(www, NAME, directory!, `${NAME}.initrd`))).ino).toBe(ino);
    expect(await wrongs()).toEqual([]);
  });

  test('a file that cannot be published takes the others away again', async () => {
    await publishDay(1);
    await writeBuild(out, { version: '1.2', epoch: day(2) });
    const build = await openTestBuild(out);
    await writeFile(join(out, `${NAME}.initrd.chunks`), 'changed after it was verified');
    const before = await snapshot(www);
    await expect(releaseTo(www, out, { build })).rejects.toMatchObject({ code: 'E_SIGNATURE' });
    expect(await snapshot(www)).toEqual(before);
  });
});

test('two releases of one build at once: one of them is told', async () => {
  await writeBuild(out, { version: '1', epoch: day(1) });
  const publisher = openPublisher({ target: www, name: NAME });
  const lock = await publisher.lock();
  await expect(releaseTo(www, out)).rejects.toMatchObject({ code: 'E_LOCK' });
  await lock!.release();
  const both = await Promise.allSettled([releaseTo(www, out), releaseTo(www, out)]);
  expect(both.some(({ status }) => status === 'fulfilled')).toBe(true);
  expect(await wrongs()).toEqual([]);
});

test('notes have no markup but their own', async () => {
  await publishDay(1);
  const made = await writeBuild(out, { version: '2', epoch: day(2) });
  const evil = { name: 'a|b`<script>', version: '1\n# x' };
  const manifest = { ...made.manifest, packages: [evil] };
  await writeFile(join(out, 'manifest.json'), JSON.stringify(manifest));
  const { notes } = await releaseTo(www, out);
  expect(notes).toContain('| a\\|b\\`\\<script\\> |  | 1 # x |');
});
