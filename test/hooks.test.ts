/** Hooks that go wrong, or try what they may not; and what they are given of the user's credentials. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { REPO, type Finished } from './support/osmith.ts';
import { processesWith } from './support/processes.ts';
import { receiver, type Receiver } from './support/receiver.ts';
import { contents, lastResult, smallWorkspace, warm, type Small } from './support/small.ts';

let small: Small;
let world: Receiver;

function write(path: string, text: string, mode = text.startsWith('#!') ? 0o755 : 0o644): void {
  const file = join(small.workspace, path);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true, recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

/** Hooks by `GROUP/NAME`; the configuration names all of them. */
function hooks(files: Record<string, string>, more = ''): void {
  const groups = new Map<string, string[]>();
  for (const [path, text] of Object.entries(files)) {
    write(`hooks/${path}`, text);
    const [group = '', name = ''] = path.split('/');
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  const sections = [...groups].map(([group, names]) => `[${group}]\nhooks_add = ${names.join(' ')}\n`);
  write('config/local.ini', sections.join('') + more);
}

async function succeeds(args: string[] = []): Promise<Finished> {
  const done = await small.run(['build', ...args]);
  expect(done.exitCode, done.all).toBe(0);
  return done;
}

/** A build that fails with one error, and leaves the output as it was. */
async function fails(code: string, exitCode = 1): Promise<string> {
  const before = await contents(small.out);
  const done = await small.run(['build']);
  expect([done.exitCode, done.stderr], done.all).toEqual([
    exitCode,
    expect.stringContaining(`error[${code}]`),
  ]);
  expect(done.all).not.toMatch(/^\s+at .*\.ts:\d+/m);
  expect(await contents(small.out)).toEqual(before);
  return done.stderr;
}

const read = (file: string) => readFileSync(file, 'utf8');
const logOf = (said: string) => read(said.match(/full log: (\S+\.log)/)![1]!);

beforeAll(async () => {
  small = smallWorkspace();
  await warm(small);
  world = await receiver();
  await succeeds();
});

beforeEach(() => rmSync(join(small.workspace, 'config/local.ini'), { force: true }));

afterAll(async () => {
  world.close();
  await small.remove();
});

describe('hooks that cannot run are told before any work', () => {
  test.each<[string, string, string, number, RegExp]>([
    [
      'for python without its executable bit',
      '10-a',
      '#!/usr/bin/python3\n',
      0o644,
      /python3 but not executable[^]*chmod \+x/,
    ],
    ['executable without interpreter', '10-a', 'echo\n', 0o755, /executable but names no interpreter/],
    ['with an empty interpreter', '10-a', '#!  \n', 0o755, /names no interpreter after #!/],
    ['of another system', '10-a', '#!/bin/sh\r\necho\r\n', 0o755, /line ends of another system/],
    ['inside a tree that its group has not', '10-a.chroot', 'true\n', 0o644, /publish have no tree/],
  ])('%s', async (_what, name, text, mode, message) => {
    const group = name.endsWith('.chroot') ? 'publish' : 'image';
    hooks({ [`${group}/${name}`]: text });
    chmodSync(join(small.workspace, 'hooks', group, name), mode);
    expect(await fails('E_WORKSPACE', 2)).toMatch(message);
  });

  test('missing, misspelt, a directory, outside, in the wrong group, all at once', async () => {
    hooks({ 'image/10-present': 'true\n', 'content/10-other': 'true\n' });
    mkdirSync(join(small.workspace, 'hooks/image/30-dir'), { recursive: true });
    const names = '10-presant 30-dir ../content/10-other 10-other';
    write('config/local.ini', `[image]\nhooks_add = ${names}\n[error]\nhooks_add = 10-nosuch\n`);
    const said = await fails('E_HOOK_MISSING', 2);
    expect(said).toMatch(/no hook 10-presant in hooks\/image[^]*Did you mean 10-present\?/);
    for (const name of ['30-dir', '../content/10-other', '10-other']) {
      expect(said).toContain(`There is no hook ${name} in hooks/image`);
    }
    expect(said).toMatch(/no hook 10-nosuch in hooks\/error\n.*local\.ini:4\n/);
  });

  test('with declarations that lead nowhere', async () => {
    hooks({ 'image/10-a': '# osmith: content 10-nosuch\n' });
    expect(await fails('E_CONFIG', 2)).toContain('No hook content/10-nosuch runs before this one');
    hooks({ 'image/10-a': '# osmith: data ../config\n' });
    expect(await fails('E_CONFIG', 2)).toContain('leads out of data/');
    hooks({ 'image/10-a': '# osmith: credentials ssh gnupg\n' });
    expect(await fails('E_CONFIG', 2)).toMatch(/credentials ssh gnupg.*[^]*10-a:1/);
    hooks({ 'manifest/packages': 'true\n' });
    expect(await fails('E_CONFIG', 2)).toContain('manifest/packages');
  });
});

describe('hooks that fail say how', () => {
  test.each<[string, string, RegExp]>([
    [
      'with an exit code',
      'echo last words; exit 3',
      /10-a: the hook ended with exit code 3\n.*\n.*\n.*last words/,
    ],
    ['a failing command', 'false\necho not reached', /exit code 1/],
    ['a failing pipe of a function', 'f() { false; true; }; f', /exit code 1/],
    ['killed by itself', '#!/bin/sh\nkill -9 $$', /was killed by SIGKILL[^]*out of memory/],
    ['asked to end', '#!/bin/sh\nkill $$', /was killed by SIGTERM/],
    [
      'an interpreter that is not there',
      '#!/usr/bin/nosuch -x\n',
      /could not be run[^]*Is \/usr\/bin\/nosuch installed/,
    ],
    ['a program that is not there', 'no-such-program --now', /no-such-program: command not found[^]*/],
  ])('%s', async (_what, text, message) => {
    hooks({ 'image/10-a': `${text}\n` });
    expect(await fails('E_HOOK')).toMatch(message);
  });
});

test.each<[string, string, string]>([
  ['the tools', 'image/10-a', 'touch /usr/x'],
  ['the root', 'image/10-a', '#!/bin/sh\nmkdir /new'],
  ['the home directory', 'image/10-a', 'touch /root/x'],
  ['itself', 'image/10-a', 'echo >> /in/hook'],
  [
    'its data',
    'image/10-a',
    '# osmith: data appliance/network\nrm "$OSMITH_DATA"/appliance/network/quiet.conf',
  ],
  ['content, from the image group', 'image/10-a', '# osmith: content\ntouch "$OSMITH_CONTENT/x"'],
  ['the tree, from the content group', 'content/10-a', '# osmith: tree\ntouch "$OSMITH_TREE/etc/x"'],
  ['the tree, from inside', 'content/10-a.chroot', 'touch /etc/x'],
  ['the tree, from the manifest group', 'manifest/10-a', 'touch "$OSMITH_TREE/etc/x"'],
  ['artifacts', 'manifest/10-a', 'for file in "$OSMITH_ARTIFACTS"/*; do echo >> "$file"; done'],
])('what a hook may not write to: %s', async (_what, path, text) => {
  hooks({
    [path]: `${text}\n`,
    ...(text.includes('# osmith: content') ? { 'content/05-b': 'echo > "$OSMITH_CONTENT/y"\n' } : {}),
  });
  expect(await fails('E_HOOK')).toMatch(
    /Read-only file system[^]*A hook may write to what its group changes/,
  );
});

test('what it may not read: the host, the network, what it has not declared', async () => {
  const text = `
if (exec 3<>/dev/tcp/127.0.0.1/${world.port}); then exit 10; fi
for path in ${small.dir} ${small.workspace} ${REPO} /proc/1/root/${small.dir}; do [ ! -e "$path" ] || exit 11; done
[ ! -e "$OSMITH_DATA" ] && [ ! -e /run/credentials ] && [ ! -e "$OSMITH_CONTENT/y" ] || exit 12
`;
  hooks({ 'image/10-a': text, 'content/10-b': 'echo > "$OSMITH_CONTENT/y"\n' });
  await succeeds();
  expect(world.take()).toEqual([]);
});

test('processes that a hook leaves behind are ended, and write nothing more', async () => {
  const late =
    '(sleep 1; echo late > "$OSMITH_TREE/etc/late") &\nsetsid -f sleep 606\nnohup sleep 606 > /dev/null 2>&1 &\ndisown -a\n';
  hooks({
    'image/10-a': `${late}echo early > "$OSMITH_TREE/etc/early"\n`,
    'image/20-b.chroot': 'setsid sleep 606 &\nls /etc/early /etc/late || true\n',
  });
  await succeeds();
  expect(processesWith('sleep\x00606')).toEqual([]);
  await sleep(1500);
  const { result } = lastResult(small.store, 'image/10-a');
  const layer = result.trees['tree']!.layers.at(-1)!.digest;
  const names = execFileSync('tar', [
    'tf',
    join(small.store, 'blobs/sha256', layer.slice(0, 2), layer),
  ]).toString();
  expect(names.match(/(?:early|late)/g)).toEqual(['early']);
});

test('a hook that prints megabytes, also without line ends, and anything but text', async () => {
  const text = `seq 1 3000000
head -c 40000000 /dev/zero | tr '\\0' x
echo
head -c 1000000 /dev/urandom
echo "the end"; exit 5
`;
  hooks({ 'image/10-a': text });
  const said = await fails('E_HOOK');
  expect(said).toContain('the end');
  expect(said.length).toBeLessThan(1_000_000);
  const log = logOf(said);
  expect(log.length).toBeGreaterThan(60_000_000);
  expect(log).toContain('\n2999999\n3000000\n');
});

describe('fragments of the manifest that do not fit', () => {
  test.each<[string, string, RegExp]>([
    ['no JSON', 'echo {a > "$OSMITH_MANIFEST/x"', /\$OSMITH_MANIFEST\/x is not JSON/],
    ['no object', 'echo [1] > "$OSMITH_MANIFEST/x"', /is not a JSON object/],
    [
      'a link, which would be read on the host',
      'ln -s /etc/passwd "$OSMITH_MANIFEST/x"',
      /x is not a plain file/,
    ],
    [
      'what Osmith writes itself',
      'manifest_fragment x <<< \'{"artifacts": []}\'',
      /fragment x of image\/10-a sets artifacts/,
    ],
    [
      'something else for an object',
      'manifest_fragment a <<< \'{"o": {"p": {"q": 1}}}\'; manifest_fragment b/c <<< \'{"o": {"p": []}}\'',
      /fragment b\/c of image\/10-a puts something else in the place of the object o\.p/,
    ],
  ])('%s', async (_what, text, message) => {
    hooks({ 'image/10-a': `${text}\n` });
    expect(await fails('E_HOOK')).toMatch(message);
  });
});

describe('credentials', () => {
  const SECRETS = [
    'c2VjcmV0IGtleSBtYXRlcmlhbCBvZiB0aGUgdGVzdA',
    'wJalrXUtnFEMIsecretTEST',
    'hunter2-hunter2',
  ];
  const [key = '', aws = '', password = ''] = SECRETS;
  let dir: string;

  beforeAll(() => {
    dir = join(small.dir, 'credentials');
    mkdirSync(join(dir, 'gnupg'), { recursive: true, mode: 0o700 });
    const files = {
      'ssh-key.pem': `-----BEGIN OPENSSH PRIVATE KEY-----\n${key}\n-----END OPENSSH PRIVATE KEY-----\n`,
      'aws-credentials': `[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = ${aws}\n`,
      netrc: `machine example.org login me password ${password}\n`,
      known_hosts: 'example.org ssh-ed25519 AAAA\n',
      'gnupg/pubring.kbx': 'ring',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 });
    chmodSync(join(dir, 'known_hosts'), 0o644);
  });

  const configured = () => `[credentials]\ndir = ${dir}\n`;
  const found = (where: string) => {
    const grep = ['-rlaF', ...SECRETS.flatMap((secret) => ['-e', secret]), where];
    try {
      return execFileSync('grep', grep).toString();
    } catch {
      return '';
    }
  };

  test('are there for those who declare them, and leave no trace', async () => {
    hooks(
      {
        'image/10-a': `# osmith: credentials ssh netrc
set -x
cat "$NETRC" /run/credentials/*
grep -q ${password.slice(0, 7)} "$NETRC"
[[ $GIT_SSH_COMMAND == *"-i /run/credentials/ssh-key.pem"*StrictHostKeyChecking=yes* ]]
[ "$(ls /run/credentials)" = $'known_hosts\\nnetrc\\nssh-key.pem' ]
[ "$(stat -c %a /run/credentials /run/credentials/netrc | xargs)" = "700 600" ]
echo gone > "$NETRC"
`,
        'image/20-b.chroot': `# osmith: credentials aws gpg
grep -c secretTEST "$AWS_SHARED_CREDENTIALS_FILE"
[ "$(cat "$GNUPGHOME/pubring.kbx")" = ring ]
touch "$GNUPGHOME/lock"
[ "$(ls /run/osmith/credentials | xargs)" = "aws-credentials gnupg" ]
[ ! -e /run/credentials ]
`,
        'image/30-c': '[ ! -e /run/credentials ] && [ -z "${NETRC:-}" ]\n',
      },
      configured(),
    );
    await succeeds(['--debug']);
    const { stdout } = await small.run(['plan', '--json']);
    for (const secret of SECRETS) expect(stdout).not.toContain(secret);
    expect([found(small.store), found(small.out)]).toEqual(['', '']);
    expect(read(join(dir, 'netrc'))).toContain(password);
    // Another password is not another input.
    writeFileSync(join(dir, 'netrc'), 'machine example.org login me password another-one\n');
    expect((await small.run(['plan'])).stdout).toContain('nothing to do');
    writeFileSync(join(dir, 'netrc'), `machine example.org login me password ${password}\n`);
  });

  test.each<[string, string]>([
    ['into the tree', 'cp "$NETRC" "$OSMITH_TREE/etc/leak"'],
    [
      'into the manifest',
      'read -ra words < "$NETRC"; manifest_fragment x <<< "{\\"x\\": \\"${words[5]}\\"}"',
    ],
  ])('a hook that writes one %s fails', async (_what, text) => {
    hooks({ 'image/10-a': `# osmith: credentials netrc\n${text}\n` }, configured());
    expect(await fails('E_HOOK')).toContain('holds a secret of its credentials');
    expect(found(small.store)).toBe('');
  });

  test('that are missing or that others may read are told at once, before any work', async () => {
    hooks({ 'publish/10-a': '# osmith: credentials ssh netrc aws gpg\n' }, configured());
    chmodSync(join(dir, 'netrc'), 0o640);
    chmodSync(join(dir, 'gnupg'), 0o750);
    rmSync(join(dir, 'known_hosts'));
    symlinkSync('/nowhere', join(dir, 'known_hosts'));
    const said = await fails('E_CREDENTIAL', 2);
    expect(said).toMatch(/Others may read netrc \(mode 640\)[^]*chmod go= .*netrc/);
    expect(said).toMatch(/Others may read gnupg \(mode 750\)/);
    expect(said).toContain('publish/10-a needs known_hosts, which is not there');
    // Nobody needs them if nothing is published.
    await succeeds(['--dry-run']);
  });
});
