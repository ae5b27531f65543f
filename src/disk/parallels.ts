/** The directory that Parallels Desktop takes for a disk: an image, and what describes it. */
import { escapeXml } from './ovf.ts';
import { SECTOR } from './layout.ts';

/** Parallels' own name for the image of a disk without snapshots. */
const IMAGE = '{5fbaabe3-6958-40ff-92a7-860e329aab41}';
const NIL = '{00000000-0000-0000-0000-000000000000}';
/** Sectors of a block of the image. */
const BLOCK = 2048;
const HEADS = 16;
const SECTORS = 32;

export function parallelsImage(name: string): string {
  return `${name}.hdd.0.${IMAGE}.hds`;
}

/** `size` in bytes; `uuid` is the disk's. */
export function diskDescriptor({ name, size, uuid }: { name: string; size: number; uuid: string }): string {
  const sectors = size / SECTOR;
  return `<?xml version='1.0' encoding='UTF-8'?>
<Parallels_disk_image Version="1.0">
  <Disk_Parameters>
    <Disk_size>${sectors}</Disk_size>
    <Cylinders>${Math.floor(sectors / (HEADS * SECTORS))}</Cylinders>
    <PhysicalSectorSize>${SECTOR}</PhysicalSectorSize>
    <Heads>${HEADS}</Heads>
    <Sectors>${SECTORS}</Sectors>
    <Padding>0</Padding>
    <Encryption>
      <Engine>${NIL}</Engine>
      <Data></Data>
    </Encryption>
    <UID>{${uuid}}</UID>
    <Name>${escapeXml(name)}</Name>
    <Miscellaneous>
      <CompatLevel>level2</CompatLevel>
      <Bootable>1</Bootable>
      <SuspendState>0</SuspendState>
    </Miscellaneous>
  </Disk_Parameters>
  <StorageData>
    <Storage>
      <Start>0</Start>
      <End>${sectors}</End>
      <Blocksize>${BLOCK}</Blocksize>
      <Image>
        <GUID>${IMAGE}</GUID>
        <Type>Compressed</Type>
        <File>${escapeXml(parallelsImage(name))}</File>
      </Image>
    </Storage>
  </StorageData>
  <Snapshots>
    <Shot>
      <GUID>${IMAGE}</GUID>
      <ParentGUID>${NIL}</ParentGUID>
    </Shot>
  </Snapshots>
</Parallels_disk_image>
`;
}
