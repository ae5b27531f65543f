/** What a program in the sandbox can see, change and leave behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { inSandbox, testStore } from '../../test/support/engine.ts';
import { processesWith } from '../../test/support/processes.ts';
import { subordinateUser } from '../../test/support/users.ts';
import { startSandbox } from './sandbox.ts';
import { removeTree } from './scratch.ts';

const PATIENCE = { timeout: 20_000, interval: 50 };

/** Runs a shell script in a sandbox with the host's programs. */
async function shell(script: string, spec: Parameters<typeof inSandbox>[2] = {}) {
  await using scene = await testStore();
  return await inSandbox(scene, ['sh', '-c', script], spec);
}

test('nothing of the host is visible', async () => {
  const script = `
    echo dirs: $(ls -A /)
    echo empty: $(ls -A /tmp /run/lock /root /mnt | grep -v :)
    echo processes: $(ls /proc | grep -c '^[0-9]')
    echo network: $(ls /sys/class/net) $(cut -d: -s -f1 /proc/net/dev)
    echo name: $(cat /proc/sys/kernel/hostname)
    echo env: $(env | cut -d= -f1 | grep -v -e PWD -e _ | sort)
    echo dev: $(ls /dev)`;
  const { stdout } = await shell(script);
  const seen = Object.fromEntries(stdout.split('\n').map((line) => line.split(/: ?/, 2) as [string, string]));
  expect(seen).toMatchObject({
    empty: '',
    network: 'lo lo',
    name: 'osmith',
    env: 'HOME LANG LC_ALL PATH TERM TZ'
      .split(' ')
      .filter((name) => !name.includes('_'))
      .join(' '),
    dev: 'fd full null ptmx pts random shm stderr stdin stdout tty urandom zero',
  });
  expect(Number(seen['processes'])).toBeLessThan(6);
  expect(seen['name']).not.toBe(hostname());
  const known = 'bin dev etc lib lib32 lib64 libx32 mnt opt proc root run sbin sys tmp usr var'.split(' ');
  expect(known).toEqual(expect.arrayContaining(seen['dirs']!.split(' ')));
});

test('the network is shared only when asked for', async () => {
  const { stdout } = await shell('readlink /proc/self/ns/net', { network: true });
  expect(stdout.trim()).toBe(readlinkSync('/proc/self/ns/net'));
  expect((await shell('readlink /proc/self/ns/net')).stdout.trim()).not.toBe(stdout.trim());
});

test.each([false, true])('kernel settings of the host stay as they are (network: %s)', async (network) => {
  const script = `
    grep -E ' /(sys|proc/sys)(/[^ ]*)? ' /proc/self/mounts | grep -v -E ' ro[, ]'
    for file in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /sys/kernel/mm/transparent_hugepage/enabled; do
      [ ! -e $file ] || ! cat $file 2> /dev/null > $file || echo "$file can be written"
    done 2> /dev/null
    true`;
  expect(await shell(script, { network })).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('exit codes, and output of what goes on in the background', async () => {
  expect((await shell('exit 7')).code).toBe(7);
  expect((await shell('kill -TERM $$')).code).toBe(128 + 15);
  expect((await shell('nosuchprogram')).code).toBe(127);
  const orphan = await shell('(sleep 600 & sh -c "sleep 601 &"; echo done)');
  expect(orphan).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
  expect(processesWith('sleep\x00601')).toEqual([]);
});

test('a read-only bind is that, and what is written outside of binds is gone', async () => {
  await using scene = await testStore();
  const host = join(scene.scratch, 'dir');
  mkdirSync(host);
  writeFileSync(join(host, 'file'), 'old');
  const binds = [
    { from: host, to: '/ro' },
    { from: host, to: '/work', writable: true },
    { from: join(host, 'file'), to: '/in/a file' },
  ];
  const script = `
    ! echo new > /ro/file; ! echo new > /ro/other; ! rm /ro/file; ! mount -o remount,bind,rw /usr/bin
    ! echo new > '/in/a file'
    ! touch /usr/bin/x; ! touch /etc/x
    echo work > /work/made
    mkdir /var/tmp/elsewhere && cat '/in/a file'`;
  const { code, stdout } = await inSandbox(scene, ['sh', '-c', script], { binds });
  expect([code, stdout, readFileSync(join(host, 'made'), 'utf8')]).toEqual([0, 'old', 'work\n']);
  expect(existsSync('/var/tmp/elsewhere')).toBe(false);
});

test('a read-only root, with trees in which a layer comes twice', async () => {
  await using scene = await testStore();
  const { store, scratch } = scene;
  const layer = (name: string, text: string) => {
    mkdirSync(join(scratch, name, 'dir'), { recursive: true });
    writeFileSync(join(scratch, name, 'dir', name), text);
    writeFileSync(join(scratch, name, 'both'), text);
    return relative(store.dir, join(scratch, name));
  };
  const [a, b] = [layer('a', 'of a '), layer('b', 'of b ')];
  const [upper, work] = ['upper', 'work'].map((name) => join(scratch, 'top', name)) as [string, string];
  for (const dir of [upper, work]) mkdirSync(dir, { recursive: true });
  const trees = [
    { at: '/ro', lowers: [a, b, a] },
    {
      ...{ at: '/rw', lowers: [b, a, b] },
      ...{ upper: relative(store.dir, upper), work: relative(store.dir, work) },
    },
  ];
  const script = `cat /ro/both /ro/dir/* /rw/both; echo new > /rw/dir/a; touch /tmp/x /work/x
    for place in /x /usr/x /etc/x /root/x /var/tmp/x /ro/x; do ! touch $place || exit 3; done`;
  const binds = [{ from: scratch, to: '/work', writable: true }];
  const outcome = await inSandbox(scene, ['sh', '-c', script], { trees, binds, readOnly: true });
  expect([outcome.code, outcome.stdout], outcome.stderr).toEqual([0, 'of a of a of b of b ']);
  expect(readFileSync(join(upper, 'dir/a'), 'utf8')).toBe('new\n');
});

test('when a sandbox is killed, nothing of it runs any more', async () => {
  await using scene = await testStore();
  const argv = ['sh', '-c', 'setsid sleep 602 & setsid sleep 602 & echo up; exec 1>&- 2>&-; sleep 602'];
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  const start = () =>
    startSandbox({ store: scene.store.dir, root: 'host', argv, stdio: [...stdio] }, scene.scratch);
  const { child, exit, kill } = await start();
  await once(child.stdout!, 'data');
  await vi.waitFor(() => expect(processesWith('sleep\x00602')).toHaveLength(3), PATIENCE);
  kill();
  expect(await exit).toBe(128 + 9);
  expect(processesWith('sleep\x00602')).toEqual([]);

  const stop = new AbortController();
  stop.abort();
  const aborted = await startSandbox(
    { store: scene.store.dir, root: 'host', argv: ['sleep', '602'], stdio: 'ignore', signal: stop.signal },
    scene.scratch,
  );
  expect(await aborted.exit).toBe(128 + 9);
});

const SANDBOX = JSON.stringify(join(import.meta.dirname, 'sandbox.ts'));

test('when Osmith is killed, its sandboxes die, whatever they were about to do', async () => {
  await using scene = await testStore();
  const marker = '603';
  const program = `
    import { startSandbox } from ${SANDBOX};
    const [store, scratch, marker] = process.argv.slice(1);
    for (;;) {
      const argv = ['sh', '-c', 'setsid sleep ' + marker + ' & sleep ' + marker];
      startSandbox({ store, root: 'host', argv, stdio: 'ignore' }, scratch);
      await new Promise((resume) => setTimeout(resume, 40));
    }`;
  const args = ['--input-type=module', '-e', program, scene.store.dir, scene.scratch, marker];
  const node = spawn(process.execPath, args, { stdio: 'inherit' });
  await vi.waitFor(() => expect(processesWith(`sleep\x00${marker}`).length).toBeGreaterThan(1), PATIENCE);
  node.kill('SIGKILL');
  await once(node, 'exit');
  // The kernel needs a moment to take the namespaces down.
  await vi.waitFor(() => expect(processesWith(scene.store.dir, `sleep\x00${marker}`)).toEqual([]), PATIENCE);
});

test('root and ordinary users have the same view', async ({ skip }) => {
  const user = subordinateUser();
  if (process.getuid?.() !== 0) skip('only root can become another user');
  if (user === undefined) return skip('no user of this host has subordinate ids');
  const reads = ['--reuid', user.uid, '--regid', user.gid, '--clear-groups', 'test', '-x', process.execPath];
  if ((await execa('setpriv', reads, { reject: false })).failed)
    skip('ordinary users cannot read this checkout');
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-user-'));
  chmodSync(dir, 0o777);
  const script = `
    cat /proc/self/uid_map /proc/self/gid_map | wc -l; id; touch /work/a; chown 33:65534 /work/a; chmod 4755 /work/a
    stat -c '%u:%g %a' /work /work/a; touch /ro/a || echo read-only`;
  const program = `
    import { startSandbox } from ${SANDBOX};
    import { mkdirSync } from 'node:fs';
    const [dir, script] = process.argv.slice(1);
    mkdirSync(dir + '/work');
    const binds = [{ from: dir + '/work', to: '/work', writable: true }, { from: dir, to: '/ro' }];
    const { exit } = await startSandbox(
      { store: dir, root: 'host', argv: ['sh', '-c', script], binds, stdio: 'inherit' }, dir + '/scratch');
    process.exitCode = await exit;`;
  const seenBy = async (uid: string, gid: string) => {
    const own = join(dir, uid);
    const as = [
      '--reuid',
      uid,
      '--regid',
      gid,
      '--clear-groups',
      '--',
      process.execPath,
      '--input-type=module',
      '-e',
    ];
    const { stdout } = await execa('setpriv', [...as, program, own, script], { stderr: 'inherit' });
    return stdout.replace(/^\d+\n/, ''); // an ordinary user's map has two lines
  };
  try {
    for (const uid of ['0', user.uid]) mkdirSync(join(dir, uid));
    chownSync(join(dir, user.uid), Number(user.uid), Number(user.gid));
    const seen = await seenBy(user.uid, user.gid);
    expect(seen).toContain('uid=0(root) gid=0(root)');
    expect(seen).toContain('33:65534 4755\nread-only');
    expect(seen).toBe(await seenBy('0', '0'));
    // Only the host tells them apart.
    expect(statSync(join(dir, '0/work/a')).uid).toBe(33);
    expect(statSync(join(dir, user.uid, 'work/a')).uid).toBeGreaterThan(65535);
  } finally {
    await removeTree(dir);
  }
});
