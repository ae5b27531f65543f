/** The script that counts tries in an initrd, with busybox and sfdisk, beside the code that the agent has. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { memoryDisk, selectSlot } from '../update/gpt-model.ts';
import { entriesOf, readGpt, withStates, writeEntries } from './gpt-table.ts';
import { MIB, SECTOR } from './layout.ts';
import { SLOT_TYPE } from './layouts/edge.ts';
import { describeWith, run, scratch } from './testing.ts';

const SCRIPT = join(import.meta.dirname, '../../workspace/pkg/gpt/root/usr/lib/gpt/gpt.sh');
const TABLE = `label: gpt
first-lba: 2048
size=1MiB, type=U, name="EFI System", attrs="LegacyBIOSBootable"
size=1MiB, type=${SLOT_TYPE}, name="IMGA", attrs="RequiredPartition,GUID:60"
size=1MiB, type=${SLOT_TYPE}, name="IMGB"
`;

const FIRST_START = join(SCRIPT, '../first-start.sh');
const DELIVERED = `label: gpt
first-lba: 34
1 : start=2048, size=2048, type=U, name="EFI System", attrs="LegacyBIOSBootable"
4 : start=4096, size=2048, type=13307E62-CD9C-4920-8F9B-91B45828B798, name="CONFIG"
2 : start=6144, size=4096, type=${SLOT_TYPE}, uuid=AD6871EE-31F9-4CF3-9E09-6F7A25C30052, name="IMGA", attrs="GUID:49,GUID:56"
`;

/** As the selector does it: the number that boots, after its try has been counted. */
const SELECT = `
gpt_candidates "$1" > "$1.candidates"
read -r number priority tries successful attributes < "$1.candidates" || exit 3
echo "$number"
[ "$tries" = 0 ] || gpt_use_try "$1" "$number" "$tries" "$attributes"`;

function shell(file: string, script: string) {
  return run(['busybox', 'sh', '-c', `. ${SCRIPT}\n${script}`, 'sh', file]);
}

async function diskWith(a: number, b: number): Promise<string> {
  const file = join(scratch(), 'disk.raw');
  writeFileSync(file, Buffer.alloc(8 * MIB));
  expect(run(['sfdisk', '-q', '--no-reread', '--no-tell-kernel', file], { input: TABLE }).status).toBe(0);
  const bytes = readFileSync(file);
  const gpt = await readGpt(memoryDisk(bytes));
  // Bit 60 of the first one is nobody's business.
  const states = new Map([
    [2, a | 0x1000],
    [3, b],
  ]);
  await writeEntries(memoryDisk(bytes), gpt, withStates(gpt.table, states));
  writeFileSync(file, bytes);
  return file;
}

async function states(bytes: Buffer): Promise<number[]> {
  const { table } = await readGpt(memoryDisk(bytes));
  return entriesOf(table).flatMap(({ number, state }) => (number === 2 || number === 3 ? [state] : []));
}

describeWith(['busybox', 'sfdisk', 'sgdisk'], 'the script that counts tries', () => {
  it.each([
    [0x102, 0],
    [0x102, 0x013],
    [0x102, 0x003],
    [0x102, 0x102],
    [0x101, 0x1f2],
    [0x013, 0x023],
    [0x000, 0x0f3],
    [0x1f0, 0x0f0],
    [0, 0],
  ])('picks the slot that the agent would for %i and %i, and leaves the same table', async (a, b) => {
    const file = await diskWith(a, b);
    const wanted = readFileSync(file);
    const selected = await selectSlot(wanted);
    const done = shell(file, SELECT);
    expect(done.stderr).toBe('');
    if (selected === undefined) return expect(done.status).toBe(3);
    expect(done.stdout).toBe(selected.slot === 'a' ? '2\n' : '3\n');
    expect(readFileSync(file).equals(wanted)).toBe(true);
    expect(run(['sgdisk', '-v', file]).stdout).toContain('No problems found');
  });

  /** Cuts the power in the middle of a write: only some of its sectors are there. */
  const cut = (write: number, sectors: string) => `
writes=0
gpt_copy() {
  if [ "$2" = "\${gpt_disk}" ]; then
    writes=$((writes + 1))
    if [ "$writes" = ${write} ]; then
      for sector in ${sectors}; do
        [ "$sector" -lt "$5" ] &&
          dd if="$1" of="$2" bs=512 skip=$(($3 + sector)) seek=$(($4 + sector)) count=1 conv=notrunc 2> /dev/null
      done
      exit 9
    fi
  fi
  dd if="$1" of="$2" bs=512 skip="$3" seek="$4" count="$5" conv=notrunc 2> /dev/null
}`;

  it.each(['none', 'first', 'second'])(
    'leaves one whole table wherever it is cut, with %s damaged',
    async (damaged) => {
      const file = await diskWith(0x102, 0x013);
      const before = readFileSync(file);
      if (damaged === 'first') before.fill(0, SECTOR, 2 * SECTOR);
      if (damaged === 'second') before.fill(0, before.length - SECTOR);
      // The sectors of the first table after the MBR; of the second one the header comes last.
      for (const write of [1, 2]) {
        for (const sectors of ['', '1', '2', '1 32']) {
          writeFileSync(file, before);
          const { status } = shell(file, `${cut(write, sectors)}\n${SELECT}`);
          expect(status).toBe(9);
          const found = await states(readFileSync(file));
          expect([0x013, 0x003]).toContain(found[1]);
          expect(found[0]).toBe(0x1102);
          // The next boot mends it.
          expect(shell(file, SELECT).status).toBe(0);
        }
      }
    },
  );

  /** An image as it is delivered, on a disk of so many MiB. */
  function delivered(mib: number): string {
    const file = join(scratch(), 'disk.raw');
    writeFileSync(file, Buffer.alloc(6 * MIB));
    const argv = ['sfdisk', '-q', '--no-reread', '--no-tell-kernel', file];
    expect(run(argv, { input: DELIVERED }).status).toBe(0);
    truncateSync(file, mib * MIB);
    return file;
  }
  const start = `. ${FIRST_START}\ngpt_first_start "$1"`;

  it('adds the second slot and the storage to a disk that has grown, once', () => {
    const file = delivered(20);
    expect(shell(file, start).status).toBe(0);
    const checked = run(['sgdisk', '-v', '-p', file]).stdout;
    expect(checked).toContain('No problems found');
    expect(checked).toMatch(/^ +3 +10240 +14335 .* IMGB$/m);
    expect(checked).toMatch(/^ +9 +14336 +\d+ .* P3$/m);
    const dump = run(['sfdisk', '--dump', file]).stdout;
    expect(dump).toMatch(/5DFBF5F4-\S+, uuid=AD6871EE-\S+0053, name="IMGB"$/m);
    expect(dump).toMatch(/5F24425A-\S+, uuid=AD6871EE-\S+0059, name="P3", attrs="GUID:48"$/m);
    const after = readFileSync(file);
    expect(shell(file, start).status).toBe(0);
    expect(readFileSync(file).equals(after)).toBe(true);
  });

  it('adds both or nothing, wherever it is cut, and nothing where there is no room', () => {
    const before = readFileSync(delivered(20));
    const names = (file: string) =>
      [...run(['sfdisk', '--dump', file]).stdout.matchAll(/name="(\w+)"/g)].map(([, name]) => name).join(' ');
    for (const write of [1, 2]) {
      for (const sectors of ['', '1', '2 32']) {
        const file = join(scratch(), 'cut.raw');
        writeFileSync(file, before);
        expect(shell(file, `${cut(write, sectors)}\n${start}`).status).toBe(9);
        expect(['IMGA CONFIG', 'IMGA IMGB CONFIG P3']).toContain(names(file));
        expect(shell(file, start).status).toBe(0);
        expect(names(file)).toBe('IMGA IMGB CONFIG P3');
      }
    }
    const small = delivered(7);
    const same = readFileSync(small);
    expect(shell(small, start).status).not.toBe(0);
    expect(readFileSync(small).equals(same)).toBe(true);
  });

  it('says so when both tables are damaged', async () => {
    const file = await diskWith(0x102, 0x013);
    const bytes = readFileSync(file);
    bytes.fill(0, SECTOR, 2 * SECTOR).fill(0, bytes.length - SECTOR);
    writeFileSync(file, bytes);
    expect(shell(file, SELECT)).toMatchObject({ status: 3, stdout: '' });
  });
});
