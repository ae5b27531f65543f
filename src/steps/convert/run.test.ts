import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { layoutSchema, MIB, place, type DiskLayout } from '../../disk/layout.ts';
import { hybridEntries, MBR_ENTRIES } from '../../disk/hybrid-mbr.ts';
import { ESP_TYPE } from '../../disk/layouts/types.ts';
import { sfdiskArgv, sfdiskScript } from '../../disk/sfdisk.ts';
import { describeWith, expectDisk, expectVirtual, run, scratch } from '../../disk/testing.ts';
import { writeZip } from '../../disk/zip.ts';
import { EPOCH, runStep, sameFiles } from '../testing.ts';

/** A disk with a GPT and something in its partition: its file, and what is in that. */
function makeDisk(mib = 10, hybrid: DiskLayout['hybrid'] = []): { disk: string; raw: Buffer } {
  const disk = join(scratch(), 'raw');
  const layout = layoutSchema.parse({
    ...{ name: 'test', align: MIB, hybrid },
    partitions: [{ name: 'esp', type: ESP_TYPE, size: { bytes: mib * MIB }, contents: 'empty' }],
  });
  const placement = place(layout, {}, false);
  const fd = openSync(disk, 'w');
  ftruncateSync(fd, placement.total);
  writeSync(fd, Buffer.from('content'.repeat(50_000)), 0, 350_000, 2 * MIB);
  closeSync(fd);
  expect(run(sfdiskArgv(disk), { input: sfdiskScript(placement, '1'.repeat(64)) }).status).toBe(0);
  const raw = readFileSync(disk);
  hybridEntries(placement)?.copy(raw, MBR_ENTRIES);
  writeFileSync(disk, raw);
  return { disk, raw };
}

const EXTRA = 5 * MIB;
const params = { name: 'test_1', title: 'A <test> & more', extraSpace: EXTRA };

async function convert(format: string, raw: Buffer): Promise<string> {
  const made = await runStep('convert', { ...params, format }, { raw });
  expect(sameFiles(made, await runStep('convert', { ...params, format }, { raw }))).toBe(true);
  return made.files['file']!;
}

function members(archive: string): { dir: string; names: string[] } {
  const dir = scratch();
  const argv =
    readFileSync(archive).toString('latin1', 0, 2) === 'PK'
      ? ['unzip', '-q', archive]
      : ['tar', '-xf', archive];
  expect(run(argv, { cwd: dir })).toMatchObject({ status: 0, stderr: '' });
  return { dir, names: readdirSync(dir, { recursive: true }).map(String).sort() };
}

describeWith(['qemu-img', 'qemu-io', 'sgdisk'], 'disks of virtual machines', () => {
  it.each([
    ['qcow2', 'qcow2', EXTRA],
    ['vmdk', 'vmdk', EXTRA],
    ['vdi', 'vdi', EXTRA],
    ['vhdx', 'vhdx', EXTRA],
    ['dynamic.vhd', 'vpc', EXTRA],
    // Azure enlarges disks itself.
    ['vhd', 'vpc', 0],
  ])('as %s are larger than the image, with the table at the new end', async (format, driver, more) => {
    const { disk, raw } = makeDisk();
    const file = await convert(format, raw);
    expectVirtual(driver, file, disk, raw.length + more);
    // What Azure demands: whole MiB, and a footer behind them.
    if (format === 'vhd') expect(statSync(file).size).toBe(raw.length + 512);
  });

  it('keep the MBR beside the table, and are as large as is asked for', async () => {
    const { disk, raw } = makeDisk(10, [{ partition: 'esp', type: '0c', bootable: true }]);
    const { files } = await runStep('convert', { format: 'qcow2', diskSize: 20 * MIB }, { raw });
    expectVirtual('qcow2', files['file']!, disk, 20 * MIB);
    const back = join(scratch(), 'back.raw');
    expect(run(['qemu-img', 'convert', '-O', 'raw', files['file']!, back]).status).toBe(0);
    expect(readFileSync(back).subarray(0, 512).equals(raw.subarray(0, 512))).toBe(true);
  });

  it('are as large as the image when nothing is said', async () => {
    const { disk, raw } = makeDisk();
    const { files } = await runStep('convert', { format: 'vdi' }, { raw });
    expectVirtual('vdi', files['file']!, disk, raw.length);
  });

  it('that are too large say so', async () => {
    await expect(
      runStep('convert', { format: 'qcow2', maxSize: 1000 }, { raw: makeDisk().raw }),
    ).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
      message: expect.stringMatching(
        /The qcow2 image is \d+ bytes .*, \d+ bytes above the limit of 1000/,
      ) as string,
    });
  });
});

describeWith(['qemu-img', 'sgdisk', 'unzip', 'xmllint', 'zipinfo'], 'archives of virtual machines', () => {
  it.each(['ova', 'ovf.zip'])(
    'as %s have an envelope, a manifest that holds, and the disk',
    async (format) => {
      const { disk, raw } = makeDisk();
      const { dir, names } = members(await convert(format, raw));
      expect(names).toEqual(['test_1.mf', 'test_1.ovf', 'test_1.vmdk']);
      expectVirtual('vmdk', join(dir, 'test_1.vmdk'), disk, raw.length + EXTRA);
      // `SHA256(x)= y` as OpenSSL writes it; coreutils have a blank more.
      const manifest = readFileSync(join(dir, 'test_1.mf'), 'utf8')
        .replaceAll('SHA256(', 'SHA256 (')
        .replaceAll(')=', ') =');
      const checked = run(['sha256sum', '-c', '-'], { cwd: dir, input: manifest });
      expect(checked.stdout).toBe('test_1.ovf: OK\ntest_1.vmdk: OK\n');
      const query = (path: string) =>
        run(['xmllint', '--xpath', `string(${path})`, 'test_1.ovf'], { cwd: dir }).stdout.trim();
      const all = (name: string) => `//*[local-name()='${name}']`;
      expect(query(`${all('File')}/@*[local-name()='href']`)).toBe('test_1.vmdk');
      expect(query(`${all('File')}/@*[local-name()='size']`)).toBe(
        String(statSync(join(dir, 'test_1.vmdk')).size),
      );
      expect(query(`${all('Disk')}/@*[local-name()='capacity']`)).toBe(String(raw.length + EXTRA));
      expect(query(`${all('VirtualSystem')}/*[local-name()='Name']`)).toBe('A <test> & more');
      // The disk hangs on the controller.
      const resource = (type: number, field: string) =>
        query(`${all('Item')}[*[local-name()='ResourceType']=${type}]/*[local-name()='${field}']`);
      expect(resource(17, 'Parent')).toBe(resource(20, 'InstanceID'));
      expect(resource(17, 'HostResource')).toBe(
        `ovf:/disk/${query(`${all('Disk')}/@*[local-name()='diskId']`)}`,
      );
      expect(resource(10, 'Connection')).toBe(query(`${all('Network')}/@*[local-name()='name']`));
    },
  );

  it('begin with the envelope in an OVA, and have one time', async () => {
    const file = await convert('ova', makeDisk().raw);
    const lines = run(['tar', '-tvf', file], { env: { TZ: 'UTC' } })
      .stdout.trim()
      .split('\n');
    expect(lines.map((line) => line.split(/\s+/).slice(3).join(' '))).toEqual(
      ['ovf', 'mf', 'vmdk'].map((extension) => `2023-11-14 22:13 test_1.${extension}`),
    );
    const zip = run(['zipinfo', '-T', await convert('ovf.zip', makeDisk().raw)], {
      env: { TZ: 'UTC' },
    }).stdout;
    expect(zip.match(/20231114\.2213\d\d test_1\./g)).toHaveLength(3);
  });

  it('for Parallels are a directory with an image and its description', async () => {
    const { disk, raw } = makeDisk();
    const { dir, names } = members(await convert('hdd.zip', raw));
    const image = names.find((name) => name.endsWith('.hds'))!;
    expect(names).toEqual(['test_1.hdd', 'test_1.hdd/DiskDescriptor.xml', image].sort());
    expect(run(['qemu-img', 'check', '-f', 'parallels', image], { cwd: dir }).status).toBe(0);
    expectVirtual('parallels', join(dir, image), disk, raw.length + EXTRA);
    const query = (name: string) =>
      run(['xmllint', '--xpath', `string(//${name})`, 'test_1.hdd/DiskDescriptor.xml'], {
        cwd: dir,
      }).stdout.trim();
    expect(query('Disk_size')).toBe(String((raw.length + EXTRA) / 512));
    expect(query('Storage/End')).toBe(query('Disk_size'));
    expect(`test_1.hdd/${query('File')}`).toBe(image);
  });
});

describeWith(['tar', 'gzip', 'qemu-img', 'sgdisk'], 'Google’s archive', () => {
  it('has one sparse member of whole GiB, in GNU’s format', async () => {
    const { disk, raw } = makeDisk();
    const file = await convert('gce.tar.gz', raw);
    expect(run(['tar', '-tvzf', file], { env: { TZ: 'UTC' } }).stdout).toMatch(
      new RegExp(`^-rw-r--r-- root/root ${2 ** 30} 2023-11-14 22:13 disk\\.raw\n$`),
    );
    // GNU's magic; a plain ustar archive has a zero in place of the first blank.
    expect(run(['sh', '-c', 'gzip -dc "$1" | head -c 264 | tail -c 7', 'sh', file]).stdout).toBe('ustar  ');
    const { dir } = members(file);
    expectDisk(join(dir, 'disk.raw'), disk, 2 ** 30);
  });
});

describeWith(['unzip', 'python3'], 'the zip writer', () => {
  it('agrees with Python about names, contents, times and modes', async () => {
    const out = join(scratch(), 'out.zip');
    const members = [
      { name: 'größe/a.txt', source: Buffer.from('text') },
      { name: 'last', source: Buffer.alloc(0) },
    ];
    await writeZip(out, members, EPOCH);
    const script = `import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
print([(i.filename, i.file_size, i.date_time, oct(i.external_attr >> 16)) for i in z.infolist()], z.testzip(), z.read("größe/a.txt"))`;
    expect(run(['python3', '-c', script, out]).stdout.trim()).toBe(
      "[('größe/a.txt', 4, (2023, 11, 14, 22, 13, 20), '0o100644'), " +
        "('last', 0, (2023, 11, 14, 22, 13, 20), '0o100644')] None b'text'",
    );
  });
});
