/** The description of a virtual machine (DMTF DSP0243, Open Virtualization Format 1.1), and its manifest. */
import { MIB } from './layout.ts';

export interface OvfMachine {
  /** Also the first part of the files' names. */
  name: string;
  /** What people read. */
  title: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  disk: {
    file: string;
    /** Bytes of the file. */
    size: number;
    /** Bytes of the disk. */
    capacity: number;
  };
}

export function escapeXml(text: string): string {
  const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => escapes[character]!);
}

/** A piece of hardware: elements of CIM_ResourceAllocationSettingData, which the schema wants in the order of names. */
type Item = Record<string, string | number>;

function itemXml(item: Item, id: number): string {
  const elements = Object.entries({ ...item, InstanceID: id })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `        <rasd:${name}>${escapeXml(String(value))}</rasd:${name}>\n`);
  return `      <Item>\n${elements.join('')}      </Item>\n`;
}

/** Resource types of DSP0243. The disk hangs on the controller, which is the third. */
function hardware({ cpus, memory }: OvfMachine): Item[] {
  return [
    { ResourceType: 3, ElementName: `${cpus} virtual CPU`, VirtualQuantity: cpus },
    {
      ...{ ResourceType: 4, ElementName: 'Memory', AllocationUnits: 'byte * 2^20' },
      VirtualQuantity: Math.ceil(memory / MIB),
    },
    { ResourceType: 20, ResourceSubType: 'AHCI', ElementName: 'SATA controller', Address: 0 },
    {
      ResourceType: 17,
      ElementName: 'Disk',
      HostResource: 'ovf:/disk/vmdisk1',
      Parent: 3,
      AddressOnParent: 0,
    },
    {
      ...{ ResourceType: 10, ResourceSubType: 'E1000', ElementName: 'Network' },
      ...{ Connection: 'NAT', AutomaticAllocation: 'true' },
    },
    { ResourceType: 23, ElementName: 'USB controller', Address: 0 },
    { ResourceType: 24, ElementName: 'Graphics' },
  ];
}

const NAMESPACE = 'http://schemas.dmtf.org/ovf/envelope/1';
const CIM = 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2';
/** VMware's name for disks that can be read as a stream. */
const DISK_FORMAT = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized';

export function ovfEnvelope(machine: OvfMachine): string {
  const { name, title, disk } = machine;
  const items = hardware(machine).map((item, index) => itemXml(item, index + 1));
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="${NAMESPACE}" xmlns:ovf="${NAMESPACE}"
    xmlns:rasd="${CIM}/CIM_ResourceAllocationSettingData"
    xmlns:vssd="${CIM}/CIM_VirtualSystemSettingData">
  <References>
    <File ovf:href="${escapeXml(disk.file)}" ovf:id="file1" ovf:size="${disk.size}"/>
  </References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:capacity="${disk.capacity}" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="${DISK_FORMAT}"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="NAT">
      <Description>A way out of the host</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${escapeXml(name)}">
    <Info>A virtual machine</Info>
    <Name>${escapeXml(title)}</Name>
    <OperatingSystemSection ovf:id="101">
      <Info>Linux, 64 bits</Info>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System>
        <vssd:ElementName>Hardware</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${escapeXml(name)}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13 virtualbox-2.2</vssd:VirtualSystemType>
      </System>
${items.join('')}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

/** Digests by bare file names, as `sha256sum --tag` writes them but for the blanks. */
export function ovfManifest(files: readonly { name: string; sha256: string }[]): string {
  return files.map(({ name, sha256 }) => `SHA256(${name})= ${sha256}\n`).join('');
}
