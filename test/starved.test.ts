/** Builds that lack something: space, a mirror that works, a host that can; and a shell where a step failed. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { LONG } from './support/long.ts';
import { startMirror } from './support/mirror.ts';
import { osmith, REPO, type Finished } from './support/osmith.ts';
import { contents, forgetAllBut, mirrorOf, ran, smallWorkspace, type Small } from './support/small.ts';
import { subordinateUser } from './support/users.ts';

const ROOT = process.getuid?.() === 0;

let small: Small;
let good: Record<string, string>;

beforeAll(async () => {
  small = smallWorkspace({ tools: 'host' });
  const built = await small.run(['build']);
  expect(built.exitCode, built.all).toBe(0);
  good = await contents(small.out);
});

beforeEach(() => small.resetHooks());
afterAll(() => small.remove());

/** What every failure has in common. */
async function expectFailure({ exitCode, all }: Finished, code: string, exit: number): Promise<void> {
  expect(all).toContain(`error[${code}]`);
  expect([exitCode, all]).toEqual([exit, all]);
  expect(await contents(small.out)).toEqual(good);
}

/** Runs Osmith where a small file system is mounted, in a mount namespace of its own. */
async function onSmallDisk(at: string, size: string, args: string[], store = small.store): Promise<Finished> {
  mkdirSync(at, { recursive: true });
  const script = `mount -t tmpfs -o size=${size},mode=755 tmpfs "$0" && exec "$@"`;
  const argv = ['--mount', 'sh', '-c', script, at, join(REPO, 'osmith'), ...args];
  const env = { OSMITH_STORE: store };
  const {
    exitCode = -1,
    stdout,
    stderr,
    all,
  } = await execa('unshare', argv, { reject: false, all: true, env });
  return { exitCode, stdout, stderr, all };
}

const common = () => ['build', '-C', small.workspace, '--product', 'small'];

test.runIf(ROOT).each(['4m', '20m', '60m'])('no space for the store (root only): %s', async (size) => {
  const store = join(small.dir, 'full');
  await expectFailure(
    await onSmallDisk(store, size, [...common(), '--out', small.out], store),
    'E_NO_SPACE',
    1,
  );
});

test.runIf(ROOT)('no space for the output (root only)', async () => {
  small.hook(
    '20-first',
    'write_file etc/first <<< x\nhead -c 3000000 /dev/urandom > "$OSMITH_TREE/boot/vmlinuz-1"\n',
  );
  const disk = join(small.dir, 'disk');
  await expectFailure(
    await onSmallDisk(disk, '1m', [...common(), '--out', join(disk, 'out')]),
    'E_NO_SPACE',
    1,
  );
  await expectFailure(await onSmallDisk(disk, '9m', [...common(), '--out', disk]), 'E_OUT', 2);
});

test('a mirror that cuts off, then alters packages, then works', async () => {
  await using mirror = await startMirror(mirrorOf(small));
  const args = [`bootstrap.mirror=${mirror.url}`, 'refine.packages_add=hello bc'].flatMap((set) => [
    '--set',
    set,
  ]);
  mirror.mode = 'cut';
  const cut = await small.run(['build', ...args]);
  await expectFailure(cut, 'E_NETWORK', 1);
  expect(cut.all).toMatch(/Cannot download http:.*\.deb/);

  mirror.mode = 'alter';
  const altered = await small.run(['build', ...args]);
  await expectFailure(altered, 'E_SIGNATURE', 5);
  expect(altered.all).toMatch(/\.deb is not the file that the signed index names/);

  mirror.mode = 'gone';
  const gone = await small.run(['build', ...args]);
  await expectFailure(gone, 'E_NETWORK', 1);
  expect(gone.all).toContain('--refresh');

  mirror.mode = 'work';
  mirror.requests.length = 0;
  const healthy = small.start([...args, '--out', join(small.dir, 'other')]);
  expect(await healthy.exit).toMatchObject({ code: 0 });
  // Nothing is looked for twice, nothing is downloaded that is there, and nothing more than once.
  const names = mirror.requests.map((url) => url.replace(/.*\/([^/_]+)_.*/, '$1'));
  expect(names).toEqual(expect.arrayContaining(['bc', 'hello']));
  expect(names).not.toContain('less');
  expect(new Set(names).size).toBe(names.length);
  expect(ran(healthy.events)).not.toContain('bootstrap/resolve');
});

test('hosts that cannot build: who may not use other ids, who lacks the program for it', async ({ skip }) => {
  if (!ROOT) skip('only root can become another user');
  chmodSync(small.dir, 0o755);
  const home = join(small.dir, 'home');
  mkdirSync(home);
  chmodSync(home, 0o777);
  const build = (name: string, group: string, path?: string) =>
    osmith([...common(), '--out', join(home, 'out')], {
      user: { name, group, home },
      env: { OSMITH_STORE: join(home, 'store'), ...(path === undefined ? {} : { PATH: path }) },
    });
  const nobody = await build('nobody', '65534');
  await expectFailure(nobody, 'E_HOST', 2);
  expect(nobody.all).toMatch(/usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ nobody/);

  const user = subordinateUser();
  if (user === undefined) return skip('no user of this host has subordinate ids');
  // A PATH with everything but one program.
  const bin = join(home, 'bin');
  mkdirSync(bin);
  for (const from of ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].filter((dir) => existsSync(dir))) {
    for (const name of readdirSync(from)) {
      if (name !== 'newuidmap' && !existsSync(join(bin, name)))
        symlinkSync(join(from, name), join(bin, name));
    }
  }
  const lacking = await build(user.name, user.gid, bin);
  await expectFailure(lacking, 'E_HOST', 2);
  expect(lacking.all).toMatch(/newuidmap[^]*uidmap/);
  expect(existsSync(join(home, 'out'))).toBe(false);
});

const PTY = `
import os, pty, signal, sys
def late(*_):
    sys.exit('nothing more came after: ' + seen.decode())
signal.signal(signal.SIGALRM, late)
signal.alarm(60)
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
def until(text):
    global seen
    start = len(seen)
    while text not in seen[start:]:
        data = os.read(fd, 65536)
        if not data: sys.exit('ended before ' + text.decode() + seen.decode())
        seen += data
until(b'refine/30-second.chroot # ')
os.write(fd, b'\\x03')                      # ^C is the shell's
until(b'refine/30-second.chroot # ')
os.write(fd, b'cat /etc/half; id -u; hostname; echo out$((1+1))side > /run/osmith/work/x; cat /run/osmith/work/x\\n')
until(b'out2side')
os.write(fd, b'exit\\n')
try:
    while True:
        data = os.read(fd, 65536)
        if not data: break
        seen += data
except OSError:
    pass
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

test('a shell in the sandbox of a failed step', async () => {
  small.hook('20-first', 'write_file etc/first <<< x\n');
  small.hook('30-second.chroot', 'echo half-way > /etc/half\necho the last words\nexit 9\n');
  const argv = [join(REPO, 'osmith'), ...common(), '--out', small.out, '--shell-on-failure'];
  const env = { OSMITH_STORE: small.store };
  const { stdout: screen, exitCode } = await execa('python3', ['-c', PTY, ...argv], { reject: false, env });
  const stdout = stripVTControlCharacters(screen);
  expect(stdout).toMatch(/Shell in the sandbox of refine\/30-second\.chroot/);
  expect(stdout).toMatch(/half-way\s+0\s+osmith\s+out2side/);
  expect(stdout).toMatch(/error\[E_HOOK\]: refine\/30-second\.chroot: .*exit code 9/);
  expect(stdout).toContain('the last words');
  expect(exitCode).toBe(1);
  const log = stdout.match(/\/\S+\.log/)?.[0];
  expect(readFileSync(log!, 'utf8')).toContain('the last words');
  expect(readdirSync(join(small.store, 'tmp'))).toEqual([]);
});

test.runIf(LONG)('without its downloads, a build gets them again', async () => {
  forgetAllBut(small.store, []);
  const again = small.start([]);
  expect(await again.exit).toMatchObject({ code: 0 });
  expect(await contents(small.out)).toEqual(good);
});
