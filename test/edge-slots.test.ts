/**
 * Two slots as partitions, on a machine with Secure Boot: the first start, an update that is confirmed, and one that is
 * not started. Selector, storage and agent are those of `workspace/pkg`, made by the one command.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../src/config/index.ts';
import { buildId } from '../src/disk/boot-slots.ts';
import { RECORD_SIZE, recordBlock, ROOT_PART } from '../src/disk/gpt-slots.ts';
import { MIB } from '../src/disk/layout.ts';
import { formatKey, publicKeyOf, signJwt } from '../src/pattern/index.ts';
import { chunkFile, formatIndex } from '../src/update/chunks.ts';
import { serve, signer, type TestServer } from '../src/update/testing.ts';
import { acceleration } from '../src/vm/accel.ts';
import { openShell, shellQuote, type Guest } from '../src/vm/guest.ts';
import { allowReset } from '../src/vm/qmp.ts';
import { openVmTools } from '../src/vm/sandbox-tools.ts';
import { waitUp } from '../src/vm/up.ts';
import { startVm, type Vm } from '../src/vm/vm.ts';
import { osmith, REPO } from './support/osmith.ts';

const PKG = join(REPO, 'workspace/pkg');
const NAME = 'osmith_edge_amd64';
/** Seconds; emulated, beside other work. */
const LIMIT = 900;
const SLOT = 200 * MIB;

let dir = '';
let server: TestServer;
let vm: Vm;
let guest: Guest;
let close: () => Promise<void>;
const { signal } = new AbortController();

function run(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { cwd: dir, encoding: 'utf8' });
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

async function compose(file: string, format: string, output: string): Promise<void> {
  const done = await osmith(['compose', file, '--format', format, '--output', join(dir, output)]);
  expect(done.exitCode, done.all).toBe(0);
}

/** A root image: its file /etc/version says which. */
async function makeRoot(version: number): Promise<void> {
  const pkg = (name: string) => JSON.stringify(`@pkg:${PKG}/${name}`);
  const init = ['init', 'gpt', 'storage', 'runc', 'containerd', 'agent'].map(pkg);
  writeFileSync(
    join(dir, 'root.yml'),
    `kernel: {image: ${pkg('kernel')}, cmdline: "console=ttyS0"}
init: [${init.join(', ')}]
onboot: [{name: dhcp, image: ${pkg('dhcp')}}]
services: [{name: getty, image: ${pkg('getty')}, env: [INSECURE=true]}]
files: [{path: etc/version, contents: "${version}", mode: "0644"}]
`,
  );
  await compose(join(dir, 'root.yml'), 'tar', 'root.tar');
  // Unpacked, so that of two files with one name the last counts; without -P, tar makes some links last of all. The
  // machine makes its own /dev.
  rmSync(join(dir, 'root'), { recursive: true, force: true });
  mkdirSync(join(dir, 'root'));
  run('tar', '-P', '-xf', 'root.tar', '-C', 'root', '--exclude=dev/*', '--warning=no-unknown-keyword');
  const squash = ['-all-root', '-quiet', '-no-progress', '-comp', 'zstd', '-Xcompression-level', '1'];
  run('mksquashfs', 'root', `root${version}.img`, ...squash);
}

function recordOf(version: number): Buffer {
  const data = readFileSync(join(dir, `root${version}.img`));
  const parts = [
    { name: ROOT_PART, size: data.length, sha256: createHash('sha256').update(data).digest('hex') },
  ];
  return recordBlock({ name: NAME, build: buildId(parts), epoch: version, issued: 0, cmdline: '', parts });
}

/** Puts a root image on the server, and the token that says so. */
async function publish(version: number): Promise<void> {
  const file = join(dir, `root${version}.img`);
  const data = readFileSync(file);
  const sha256 = createHash('sha256').update(data).digest('hex');
  const index = formatIndex(await chunkFile(file));
  const artifacts = [
    { name: `${NAME}.${ROOT_PART}`, size: data.length, sha256 },
    { name: `${NAME}.${ROOT_PART}.chunks`, size: index.length, sha256 },
  ];
  const manifest = JSON.stringify({ version: 1, name: NAME, arch: 'amd64', epoch: version, artifacts });
  server.files.set(`${NAME}.jwt`, Buffer.from(await signJwt({ buildManifest: manifest }, signer)));
  server.files.set(`${NAME}.${ROOT_PART}`, data);
  server.files.set(`${NAME}.${ROOT_PART}.chunks`, index);
}

/** As images are delivered: one slot, and no room yet for what comes at the first start. Then the disk has grown. */
async function makeDisk(): Promise<void> {
  await compose(join(REPO, 'workspace/images/selector.yml'), 'raw-efi', 'boot');
  const sectors = statSync(join(dir, 'boot-efi.img')).size / 512 - 4096;
  run(
    'dd',
    'if=boot-efi.img',
    'of=esp.img',
    'bs=1M',
    'skip=1',
    `count=${Math.floor(sectors / 2048)}`,
    'status=none',
  );
  writeFileSync(
    join(dir, 'grub.cfg'),
    'set timeout=0\nprobe --set=osmith_esp --fs-uuid $root\nlinux /vmlinuz console=ttyS0 osmith.esp=$osmith_esp\ninitrd /initrd\nboot\n',
  );
  run('mcopy', '-o', '-i', 'esp.img', 'grub.cfg', '::EFI/debian/grub.cfg');
  const config = {
    verifyKeys: [formatKey(publicKeyOf(signer))],
    update: { url: server.url.replace('127.0.0.1', '10.0.2.2'), name: NAME, reboot: 'never', tries: 1 },
  };
  writeFileSync(join(dir, 'agent.json'), JSON.stringify(config));
  run(
    'sh',
    '-c',
    'truncate -s 1M conf.img && mkfs.vfat -n EVE conf.img && mcopy -i conf.img agent.json ::agent.json',
  );
  const uuid = (last: string) => `uuid=AD6871EE-31F9-4CF3-9E09-6F7A25C3${last}`;
  const script = `label: gpt
first-lba: 2048
1 : start=2048, size=${sectors}, type=U, ${uuid('0051')}, name="EFI System", attrs="LegacyBIOSBootable"
4 : size=1MiB, type=13307E62-CD9C-4920-8F9B-91B45828B798, ${uuid('0054')}, name="CONFIG"
2 : size=${SLOT / MIB}MiB, type=5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6, ${uuid('0052')}, name="IMGA", attrs="GUID:49,56"
`;
  const conf = 1 + sectors / 2048;
  writeFileSync(join(dir, 'table'), script);
  run(
    'sh',
    '-c',
    `truncate -s ${conf + 1 + SLOT / MIB + 2}M disk.raw && sfdisk -q --no-reread disk.raw < table`,
  );
  const put = (file: string, at: number) =>
    run('dd', `if=${file}`, 'of=disk.raw', 'bs=1M', `seek=${at}`, 'conv=notrunc', 'status=none');
  put('esp.img', 1);
  put('conf.img', conf);
  put('root1.img', conf + 1);
  writeSync(
    openSync(join(dir, 'disk.raw'), 'r+'),
    recordOf(1),
    0,
    RECORD_SIZE,
    (conf + 1) * MIB + SLOT - RECORD_SIZE,
  );
  run('truncate', '-s', '+400M', 'disk.raw');
}

/** Runs a command of the system, not of the login's container; it must succeed. Its output. */
async function ask(command: string): Promise<string> {
  const { exitCode, output, timedOut } = await guest.run(
    `nsenter -t 1 -m -- sh -c ${shellQuote(command)}`,
    LIMIT,
  );
  expect(exitCode === 0 && !timedOut, `${command}\n${output}`).toBe(true);
  return output;
}

interface Status {
  phase: string;
  running: { slot: string; trial: boolean };
  environment: object;
}
const status = async () => JSON.parse(await ask('osmith-agent status')) as Status;

/** Has the agent do what it does once a day, and waits until the machine is up again. */
async function updateAndRestart(): Promise<string> {
  const from = vm.serial.text().length;
  await ask('osmith-agent update');
  const reset = new Promise<void>((resolve) => vm.qmp.onEvent(({ event }) => event === 'RESET' && resolve()));
  guest.send('reboot');
  await Promise.race([reset, vm.ended]);
  vm.serial.skip();
  await waitUp(vm, LIMIT, signal);
  guest = await openShell(vm, signal);
  return vm.serial.text().slice(from);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-slots-'));
  server = await serve();
  await makeRoot(1);
  await makeRoot(2);
  // One whose kernel is not what Debian signed.
  run('unsquashfs', '-q', '-n', '-d', 'bad', 'root2.img', 'boot');
  const kernel = readFileSync(join(dir, 'bad/boot/kernel'));
  kernel[kernel.length >> 1]! ^= 1;
  writeFileSync(join(dir, 'bad/boot/kernel'), kernel);
  run(
    'mksquashfs',
    'bad',
    'root3.img',
    '-quiet',
    '-no-progress',
    '-comp',
    'zstd',
    '-Xcompression-level',
    '1',
  );
  await makeDisk();
  const config = loadConfig({ workspace: join(REPO, 'workspace'), attributes: {}, set: [] });
  const opened = await openVmTools(config, { emit: () => {}, signal });
  close = opened.close;
  const { accel, canSmm } = await acceleration(opened.tools, 'amd64', undefined, 'auto');
  const machine = { arch: 'amd64', firmware: 'uefi-secure', memory: 2048, cpus: 1, nics: [{}] } as const;
  const disks = [{ file: join(dir, 'disk.raw'), format: 'raw', writable: true, disposable: true } as const];
  const spec = { ...machine, nics: [{}], disks, outside: true, accel, canSmm };
  vm = await startVm(opened.tools, spec, join(dir, 'console.log'), signal);
  await allowReset(vm.qmp, true);
  await waitUp(vm, LIMIT, signal);
  guest = await openShell(vm, signal);
});

afterAll(async () => {
  await vm?.stop();
  await close?.();
  await server?.close();
  rmSync(dir, { recursive: true, force: true });
});

test('the first start makes the second slot and the storage, under Secure Boot', async () => {
  expect(vm.serial.text()).toContain('Secure boot enabled');
  expect(vm.serial.text()).toContain('selector: partition 2: priority 2, tries 0, successful 1');
  expect(await ask('cat /etc/version')).toBe('1');
  const table = await ask('sfdisk --dump /dev/vda');
  const sectors = SLOT / 512;
  expect(table).toMatch(
    new RegExp(`^/dev/vda3 : .*size= *${sectors}, type=5DFBF5F4-.*, uuid=AD6871EE-.*0053, name="IMGB"$`, 'm'),
  );
  expect(table).toMatch(/^\/dev\/vda9 : .*type=5F24425A-.*, uuid=AD6871EE-.*0059, name="P3"$/m);
  expect(await ask('grep " /persist " /proc/mounts')).toMatch(/^\/dev\/vda9 \/persist ext4 rw/);
  expect(await ask('ls /config')).toBe('agent.json');
  await ask('echo kept > /persist/word && sync');
  expect((await status()).phase).toBe('steady');
});

test('an update is tried, found healthy, and kept', async () => {
  await publish(2);
  const console = await updateAndRestart();
  expect(console).toContain('selector: partition 3: priority 3, tries 1, successful 0');
  expect(await ask('cat /etc/version; cat /persist/word')).toBe('2kept');
  expect(await ask('cat /proc/cmdline')).toContain('osmith.slot=b');
  await ask('until osmith-agent status | grep -q \'"slot": "b"$\'; do sleep 2; done; sleep 1');
  await ask(`until sfdisk --part-attrs /dev/vda 3 | grep -q 'GUID:49,56'; do sleep 2; done`);
  expect(await ask('sfdisk --part-attrs /dev/vda 2')).toBe('');
  expect(server.sent).toBeLessThan(statSync(join(dir, 'root2.img')).size / 4);
});

test('one whose kernel is refused is not: the machine comes up with the system that it had', async () => {
  await publish(3);
  const console = await updateAndRestart();
  expect(console).toContain('selector: the kernel in /dev/vda2 is refused');
  expect(await ask('cat /etc/version')).toBe('2');
  expect(await status()).toMatchObject({
    phase: 'failed',
    running: { slot: 'b', trial: false },
    environment: { slot: 'b', unproven: 'a' },
  });
  expect(await ask('osmith-agent update')).toContain('it was tried and did not come up');
});
