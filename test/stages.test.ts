/** Stages and groups of hooks, as a user meets them: real builds of a small workspace. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Finished } from './support/osmith.ts';
import { receiver, sendTo, type Receiver } from './support/receiver.ts';
import { contents, ran, smallWorkspace, warm, type Small } from './support/small.ts';

let small: Small;
let world: Receiver;
/** Options of the workspace beyond those of the small product. */
const GROUPS = `
[content]
hooks_add = 10-fetch 20-more
[image]
hooks_add = 10-inside.chroot 20-outside
[manifest]
hooks_add = 10-count
`;

function write(path: string, text: string, dir = small.workspace): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
  chmodSync(join(dir, path), text.startsWith('#!') ? 0o755 : 0o644);
}

function local(more = ''): void {
  write('config/local.ini', GROUPS + more);
}

function writeHooks(): void {
  write('hooks/content/10-fetch', 'echo fetched > "$OSMITH_CONTENT/thing"\n');
  write(
    'hooks/content/20-more',
    '# osmith: content 10-fetch\n# osmith: tree\ncat "$OSMITH_CONTENT/thing" "$OSMITH_TREE/etc/first" > "$OSMITH_CONTENT/both"\n',
  );
  write(
    'hooks/image/10-inside.chroot',
    '# osmith: content\ncp "$OSMITH_CONTENT/both" /etc/both\necho "{\\"a\\": {\\"inside\\": true}}" > "$OSMITH_MANIFEST/z.json"\n',
  );
  write(
    'hooks/image/20-outside',
    'write_file etc/outside <<< "$OSMITH_IMAGE_TITLE"\nmanifest_fragment sub/a.json <<< \'{"a": {"list": [1]}, "language": null}\'\n',
  );
  write(
    'hooks/manifest/10-count',
    `#!/bin/bash
set -eu
both=$(tr '\\n' , < "$OSMITH_TREE/etc/both")
echo "{\\"both\\": \\"$both\\", \\"outside\\": \\"$(cat "$OSMITH_TREE/etc/outside")\\"}" > "$OSMITH_MANIFEST/tree.json"
echo "{\\"files\\": [\\"$(ls "$OSMITH_ARTIFACTS")\\"]}" > "$OSMITH_MANIFEST/files"
`,
  );
}

async function built(args: string[] = []): Promise<string[]> {
  const running = small.start(args);
  const { code, stderr } = await running.exit;
  expect(code, stderr).toBe(0);
  return ran(running.events);
}

async function refused(args: string[], code: string, exitCode: number): Promise<Finished> {
  const done = await small.run(['build', ...args]);
  expect([done.exitCode, done.stderr], done.all).toEqual([
    exitCode,
    expect.stringContaining(`error[${code}]`),
  ]);
  expect(done.all).not.toMatch(/^\s+at .*\.ts:\d+/m);
  return done;
}

const manifest = () =>
  JSON.parse(readFileSync(join(small.out, 'manifest.json'), 'utf8')) as Record<string, unknown>;

beforeAll(async () => {
  small = smallWorkspace();
  await warm(small);
  world = await receiver();
  writeHooks();
  local();
  expect(await built()).toContain('manifest/10-count');
});

afterEach(() => {
  small.resetHooks();
  for (const group of ['publish', 'error', 'bad'])
    rmSync(join(small.workspace, 'hooks', group), { force: true, recursive: true });
  writeHooks();
  local();
  world.take();
});

afterAll(async () => {
  world.close();
  await small.remove();
});

test('every group does its part, and what hooks wrote for the manifest is in it', async () => {
  expect(manifest()).toMatchObject({
    a: { inside: true, list: [1] },
    language: null,
    both: 'fetched,osmith,',
    outside: 'Osmith',
    files: [expect.stringMatching(/^osmith_deb_\w+\.vmlinuz$/)],
  });
  const { sources } = manifest()['inputs'] as { sources: object };
  expect(Object.keys(sources)).toEqual(
    expect.arrayContaining(['hooks/content/20-more', 'hooks/manifest/10-count']),
  );
  expect(await built()).toEqual([]);
});

test('a change of a late hook runs it and what is after it', async () => {
  write('hooks/image/20-outside', '# other\nwrite_file etc/outside <<< "$OSMITH_IMAGE_TITLE"\n');
  const { stdout } = await small.run(['plan']);
  expect(stdout).toMatch(/image\/20-outside +run .*hooks\/image\/20-outside changed/);
  // The tree is the same, so that nothing is packed again; but it no longer writes its fragment.
  expect(await built()).toEqual(['image/20-outside', 'manifest/manifest']);
  write('hooks/content/10-fetch', 'echo other > "$OSMITH_CONTENT/thing"\n');
  const steps = await built();
  expect(steps).toEqual(
    expect.arrayContaining(['content/20-more', 'image/10-inside.chroot', 'manifest/10-count']),
  );
  expect(steps).not.toContain('refine/20-first');
  expect(manifest()['both']).toBe('other,osmith,');
});

test('the local directory goes before the workspace, for hooks and for data', async () => {
  const dir = join(small.dir, 'local');
  write('data/word', 'shared\n');
  write('data/other', 'kept\n');
  write(
    'hooks/image/20-outside',
    '# osmith: data word other\ncat "$OSMITH_DATA"/* | xargs | write_file etc/outside\n',
  );
  write('data/word', 'own\n', dir);
  write('hooks/content/10-fetch', 'echo own > "$OSMITH_CONTENT/thing"\n', dir);
  expect(await built(['--localdir', dir])).toContain('content/10-fetch');
  expect(manifest()).toMatchObject({ both: 'own,osmith,', outside: 'kept own' });
  const text = readFileSync(join(small.out, 'manifest.json'), 'utf8');
  expect(text).toContain('"localdir/hooks/content/10-fetch"');
  expect(text).not.toContain(small.dir);
});

test('options that are paths of the workspace come along', async () => {
  write('data/settings/one', 'first\n');
  write(
    'config/local.ini',
    `${GROUPS}[refine]\ncontainer_engine = \${build:srcdir}/data/settings/one nosuch\n`,
  );
  const hook =
    'read -r file rest <<< "$OSMITH_REFINE_CONTAINER_ENGINE"\ncp "$file" "$OSMITH_TREE/etc/outside"; [ "$rest" = nosuch ]\n';
  write('hooks/image/20-outside', hook);
  await built();
  expect(manifest()['outside']).toBe('first');
  write('data/settings/one', 'second\n');
  await built();
  expect(manifest()['outside']).toBe('second');
});

test('--to stops, --from and --only begin, and say what is missing', async () => {
  await built();
  const before = await contents(small.out);
  expect(await built(['--to', 'content', '--set', 'refine.hostname=new'])).toEqual(
    expect.arrayContaining(['refine/20-first', 'content/20-more']),
  );
  expect(await contents(small.out)).toEqual(before);
  const { stderr } = await refused(['--only', 'image', '--set', 'refine.hostname=newer'], 'E_STAGE', 2);
  expect(stderr).toContain('refine/20-first would have to run first (parameter env.OSMITH_REFINE_HOSTNAME');
  expect((await small.run(['plan', '--only', 'image', '--set', 'refine.hostname=newer'])).exitCode).toBe(2);
  expect(await built(['--only', 'image'])).toEqual(['image/10-inside.chroot', 'image/20-outside']);
  expect((await small.run(['plan', '--only', 'image'])).stdout).toMatch(/image\/20-outside +run .*asked for/);
  expect(await built(['--from', 'manifest'])).toEqual(
    expect.arrayContaining(['manifest/packages', 'manifest/10-count', 'manifest/manifest']),
  );
  expect(await built(['--from', 'content', '--to', 'content'])).toEqual([
    'content/10-fetch',
    'content/20-more',
  ]);
  const mistakes: [string[], RegExp][] = [
    [['--from', 'imgae'], /no stage imgae[^]*Did you mean image/],
    [['--from', 'image', '--to', 'refine'], /--from image comes after --to refine/],
    [['--only', 'image', '--to', 'manifest'], /--only cannot be given with/],
    [['--only', 'publish'], /nothing to do in the stage publish/],
    [['--only', 'publish', '--dry-run'], /--dry-run publishes nothing/],
    [['--from', 'image', '--refresh'], /--refresh asks again .*init\/resolve/],
  ];
  for (const [args, message] of mistakes) expect((await refused(args, 'E_USAGE', 2)).stderr).toMatch(message);
  expect(await contents(small.out)).toEqual(before);
});

test('publishing: once, when something changed, when it was undone, and when asked', async () => {
  write(
    'hooks/publish/10-send',
    `${sendTo(world)}
if touch "$OSMITH_ARTIFACTS/x" 2> /dev/null || echo >> "$OSMITH_ARTIFACTS/manifest.json"; then exit 9; fi 2> /dev/null
{ ls "$OSMITH_ARTIFACTS"; grep -A1 '"outside"' "$OSMITH_ARTIFACTS/manifest.json"; } | send
`,
  );
  local('[publish]\nhooks_add = 10-send\n');
  expect(await built(['--dry-run'])).not.toContain('publish/10-send');
  expect(world.take()).toEqual([]);
  expect(await built()).toEqual(['publish/10-send']);
  expect(world.take()).toEqual([
    expect.stringMatching(/manifest\.json\nosmith_deb_\w+\.config\.ini\nosmith_deb_\w+\.vmlinuz\n.*Osmith/),
  ]);
  expect(await built()).toEqual([]);
  const other = ['--set', 'image.title=Other'];
  expect(await built(other)).toContain('publish/10-send');
  expect(world.take()).toEqual([expect.stringContaining('Other')]);
  // The store knows this result, but the world has the other one by now.
  expect((await small.run(['plan'])).stdout).toMatch(/publish\/10-send +run/);
  expect(await built()).toEqual(['publish/10-send']);
  expect(await built(['--only', 'publish'])).toEqual(['publish/10-send']);
  expect(world.take()).toHaveLength(2);
});

test('what fails to be published is in the output, and is published by the next build', async () => {
  write('hooks/publish/10-send', `${sendTo(world)}\necho half | send\n[ "$OSMITH_IMAGE_TITLE" = Osmith ]\n`);
  local('[publish]\nhooks_add = 10-send\n');
  await built();
  await refused(['--set', 'image.title=Unpublishable'], 'E_HOOK', 1);
  expect(manifest()['outside']).toBe('Unpublishable');
  expect(await built()).toContain('publish/10-send');
  expect(world.take()).toEqual(['half\n', 'half\n', 'half\n']);
});

test('the error group gets what happened and the log, whatever fails', async () => {
  const report = `${sendTo(world)}
{ echo "$OSMITH_ERROR_CODE|$OSMITH_ERROR_STEP|$OSMITH_ERROR_MESSAGE"; cat "$OSMITH_LOG" "\${OSMITH_STEP_LOG:-/dev/null}"; } | send
`;
  write('hooks/error/10-broken', 'exit 1\n');
  write('hooks/error/20-report', report);
  local('[error]\nhooks_add = 10-broken 20-report\n');
  write('hooks/image/20-outside', 'echo about to fail\nexit 3\n');
  const failed = await refused(['--dry-run'], 'E_HOOK', 1);
  expect(failed.stderr).toContain('image/20-outside: the hook ended with exit code 3');
  expect(failed.stdout).toContain('warning: error/10-broken: the hook ended with exit code 1');
  const [told = ''] = world.take();
  expect(told).toMatch(/^E_HOOK\|image\/20-outside\|image\/20-outside: the hook ended with exit code 3\n/);
  expect(told.match(/about to fail/g)).toHaveLength(2);

  // The tools cannot be made: this machine's programs have to do.
  await refused(['--set', 'tools.suite=nonesuch'], 'E_SUITE', 1);
  expect(world.take()).toEqual([expect.stringMatching(/^E_SUITE\|init\/resolve\|/)]);
  await refused(['--set', 'image.hooks_add=20-outsid'], 'E_HOOK_MISSING', 2);
  expect(world.take()).toEqual([expect.stringMatching(/^E_HOOK_MISSING\|\|There is no hook 20-outsid/)]);
  // Not failures of a build.
  await refused(['--from', 'nosuch'], 'E_USAGE', 2);
  writeHooks();
  await built();
  expect(world.take()).toEqual([]);
});

test('one build of a variant at a time; others go on', async () => {
  write('hooks/image/20-outside', 'echo sleeping; sleep "$OSMITH_IMAGE_TITLE"\n');
  const secret = ['--set', 'image.title=20'];
  const first = small.start(secret);
  await first.until(({ type, step }) => type === 'step-log' && step === 'image/20-outside');
  const other = small.start([
    '--personality',
    'other',
    '--out',
    join(small.dir, 'other'),
    '--set',
    'image.title=0',
  ]);
  const late = await refused(['--lock-timeout', '1', '--out', join(small.dir, 'third')], 'E_LOCK', 3);
  const holder = `process ${first.child.pid} \\(osmith build .*--set image.title=\\.\\.\\..*\\), since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC`;
  expect(late.stdout).toMatch(
    new RegExp(`Waiting, 1 s at most: the variant small deb \\w+ \\w+ base is being built by ${holder}`),
  );
  expect(late.stderr).toMatch(new RegExp(`After 1 s the variant .* still is being built by ${holder}`));
  expect((await refused(['--lock-timeout', '0'], 'E_LOCK', 3)).stderr).toContain('After 0 s');
  const [patient, end] = [small.start(['--set', 'image.title=0']), await other.exit];
  expect([end.code, first.child.exitCode]).toEqual([0, null]);
  const ends = await Promise.all([first.exit, patient.exit]);
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  expect(patient.events.some(({ type, text }) => type === 'note' && text?.includes('Waiting'))).toBe(true);
  await sleep(0);
  expect((await small.run(['build', '--lock-timeout', '0', '--set', 'image.title=0'])).exitCode).toBe(0);
  expect(readdirSync(join(small.store, 'tmp'))).toEqual([]);
});

test('hooks written for the Endless image builder', async () => {
  const text = `
[ "$EIB_HOOK_GROUP" = image ] && [ "$EIB_REFINE_HOSTNAME" = osmith ] && [ -d "$OSTREE_DEPLOYMENT/etc" ]
. "$EIB_BASELIB"
[ "$(locale_to_iso_639_1 br_FR.iso885915@euro)" = br-FR ]
[ "$(ostree_uid root)" = 0 ] && [ "$(ostree_gid root)" = 0 ]
count=0
again() { echo $((++count)); [ $count = 3 ]; }
EIB_RETRY_INTERVAL=0 eib_retry again
if EIB_RETRY_ATTEMPTS=2 EIB_RETRY_INTERVAL=0 eib_retry false; then exit 7; fi
recreate_dir "$EIB_TMPDIR/new"
echo abc > "$EIB_TMPDIR/new/abc"
checksum_file "$EIB_TMPDIR/new/abc"
sha256sum --check --quiet <(cd "$EIB_TMPDIR/new"; sed "s|  |  $PWD/|" abc.sha256)
eib_compress_image "$EIB_TMPDIR/new/abc" "$EIB_TMPDIR/new/abc.gz"
[ "$(gzip -dc "$EIB_TMPDIR/new/abc.gz")" = abc ]
sign_file "$EIB_TMPDIR/new/abc"
[ ! -e "$EIB_TMPDIR/new/abc.asc" ]
if eib_mount a b; then exit 8; fi
write_file etc/outside <<< endless
cp "\${EIB_SRCDIR}/data/appliance/network/quiet.conf" "$OSTREE_VAR"
echo '{"eib": "yes"}' > "$EIB_MANIFESTDIR/eib"
`;
  write('hooks/image/20-outside', text);
  local('[hooks]\neib_environment = true\n');
  await built();
  expect(manifest()['eib']).toBe('yes');
});
