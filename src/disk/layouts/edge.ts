/**
 * Disks of edge systems: two slots for the root file system, one volume with the configuration, and the rest for what is
 * kept. Places follow the order of a list, numbers do not: updaters and installers know partitions by their numbers.
 */
import { RECORD_SIZE } from '../gpt-slots.ts';
import { layoutSchema, MIB, SECTOR, type DiskLayout, type PartitionSpec } from '../layout.ts';
import { BASIC_DATA_TYPE, ESP_TYPE } from './types.ts';

/** A slot: CoreOS' type for /usr, whose attributes have room for priority, tries and success. */
export const SLOT_TYPE = '5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6';
const CONFIG_TYPE = '13307E62-CD9C-4920-8F9B-91B45828B798';
const PERSIST_TYPE = '5F24425A-2DFA-11E8-A270-7B663FACCC2C';

/** Identities by their last digits: the same on every disk, so that each part is found without looking. */
function uuid(last: string): string {
  return `AD6871EE-31F9-4CF3-9E09-6F7A25C3${last}`;
}

/** Priority 2 and successful: what is started when nothing is on trial. */
const ACTIVE = ['GUID:49,56'];

/** Bytes that partitions have in the machines of a generation. */
interface Generation {
  name: string;
  efi: number;
  slot: number;
  config: number;
}

const GENERATIONS = {
  2024: { name: 'edge-2024', efi: 36 * MIB, slot: 512 * MIB, config: MIB },
  2026: { name: 'edge-2026', efi: 2048 * MIB, slot: 10240 * MIB, config: 5 * MIB },
} as const satisfies Record<number, Generation>;

/** All partitions that there can be, by the words of lists. */
function partitionsOf({ efi, slot, config }: Generation) {
  const conf = {
    name: 'conf',
    number: 4,
    title: 'CONFIG',
    size: { bytes: config },
    contents: 'image',
  } as const;
  const esp = { title: 'EFI System', type: ESP_TYPE, size: { bytes: efi } } as const;
  const imga = {
    ...{ name: 'imga', number: 2, title: 'IMGA', type: SLOT_TYPE, uuid: uuid('0052'), attributes: ACTIVE },
    contents: 'image',
  } as const;
  return {
    efi: {
      ...{ ...esp, name: 'efi', number: 1, uuid: uuid('0051'), contents: 'esp' },
      attributes: ['LegacyBIOSBootable'],
    },
    efi_b: { ...esp, name: 'efi_b', number: 7, uuid: uuid('0056'), contents: 'fat' },
    // What a slot holds is said at its end.
    imga: { ...imga, size: { times: 1, headroom: RECORD_SIZE, min: slot } },
    /** With the whole slot of a machine's disk in it, the end included. */
    imga_whole: { ...imga, size: { times: 1, headroom: 0, min: slot } },
    imgb: {
      ...{ name: 'imgb', number: 3, title: 'IMGB', type: SLOT_TYPE, uuid: uuid('0053') },
      ...{ size: { times: 1, headroom: 0, min: slot, like: 'imga' }, contents: 'empty' },
    },
    conf: { ...conf, type: CONFIG_TYPE, uuid: uuid('0054') },
    // Windows and macOS mount this one: the configuration can be edited between two installations.
    conf_win: { ...conf, type: BASIC_DATA_TYPE },
    inventory_win: {
      ...{ name: 'inventory', number: 5, title: 'INVENTORY', type: BASIC_DATA_TYPE },
      ...{ size: { bytes: 40 * MIB }, contents: 'fat', label: 'INVENTORY' },
    },
    /** The first installers start from the volume that also holds what they install. */
    installer_efi: {
      ...{ name: 'efi', number: 1, title: 'EFI System', type: ESP_TYPE, attributes: ['LegacyBIOSBootable'] },
      ...{ size: { times: 1.5, headroom: 0, min: MIB }, contents: 'esp' },
    },
    installer: {
      ...{ name: 'installer', number: 6, title: 'INSTALLER', type: SLOT_TYPE, uuid: uuid('0060') },
      ...{ size: { times: 1, headroom: MIB, min: MIB }, contents: 'image', attributes: ACTIVE },
    },
    persist: {
      ...{ name: 'persist', number: 9, title: 'P3', type: PERSIST_TYPE, uuid: uuid('0059') },
      ...{ size: { rest: true }, contents: 'empty' },
    },
  } as const satisfies Record<string, PartitionSpec>;
}

type Part = keyof ReturnType<typeof partitionsOf>;

/** DOS types for who reads the MBR only: FAT32, and what Windows mounts. */
const FAT32 = '0c';
const BASIC_DATA = '07';

/** A layout of these partitions, which lie in this order. */
export function edgeLayout(
  generation: keyof typeof GENERATIONS,
  suffix: string,
  parts: readonly Part[],
): DiskLayout {
  const sizes = GENERATIONS[generation];
  const known = partitionsOf(sizes);
  const windows = parts.includes('inventory_win') ? ['conf', 'inventory'] : [];
  return layoutSchema.parse({
    ...{ name: sizes.name + suffix, align: MIB, id: uuid('0050') },
    partitions: parts.map((part) => known[part]),
    // GRUB's core for BIOS machines, between the table and the first partition.
    blobs: [{ input: 'bios-grub', start: 34 * SECTOR, max: MIB - 34 * SECTOR }],
    hybrid: [
      { partition: 'efi', type: FAT32, bootable: true },
      ...windows.map((partition) => ({ partition, type: BASIC_DATA })),
    ],
    // With the first one, 10 MiB more than the partitions.
    spare: 9 * MIB,
  });
}

/** What a machine runs from: the second slot and the last partition are made at the first start. */
export const edge2024Layout = edgeLayout(2024, '', ['efi', 'conf', 'imga']);
export const edge2026Layout = edgeLayout(2026, '', ['efi', 'efi_b', 'conf', 'imga']);

/** What installers are on. */
export const edge2024InstallerLayout = edgeLayout(2024, '-installer', [
  'conf_win',
  'installer_efi',
  'inventory_win',
]);
export const edge2026InstallerLayout = edgeLayout(2026, '-installer', [
  'efi',
  'conf_win',
  'installer',
  'inventory_win',
]);

/** What installers make of a machine's disk. */
export const edge2024InstalledLayout = edgeLayout(2024, '-installed', [
  ...(['efi', 'imga_whole', 'imgb', 'conf', 'persist'] as const),
]);
export const edge2026InstalledLayout = edgeLayout(2026, '-installed', [
  ...(['efi', 'efi_b', 'imga_whole', 'imgb', 'conf', 'persist'] as const),
]);

/** By the layout of what machines run from: that of the medium that brings it, and that of the disks it is put on. */
export const INSTALLER_LAYOUTS: ReadonlyMap<string, { medium: DiskLayout; installed: DiskLayout }> = new Map([
  [edge2024Layout.name, { medium: edge2024InstallerLayout, installed: edge2024InstalledLayout }],
  [edge2026Layout.name, { medium: edge2026InstallerLayout, installed: edge2026InstalledLayout }],
]);
