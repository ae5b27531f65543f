/** Images with bills of materials, package lists, a packed kernel and several architectures, and a system of them. */
import { gzipSync } from 'node:zlib';
import { layerTar, type TestImage } from '../../src/oci/testing.ts';

const DPKG = `Package: bash
Status: install ok installed
Version: 5.2-1
Architecture: amd64
Source: bash-src (5.2)

Package: gone
Status: deinstall ok config-files
Version: 1
`;
const OS_RELEASE = 'ID=debian\nVERSION_ID="12"\n';

export const BILL = {
  ...{ spdxVersion: 'SPDX-2.3', SPDXID: 'SPDXRef-DOCUMENT', name: 'x', dataLicense: 'CC0-1.0' },
  ...{ documentNamespace: 'https://x.example/1', documentDescribes: ['SPDXRef-root'] },
  creationInfo: { created: '2024-01-01T00:00:00Z', creators: ['Tool: syft'] },
  packages: [
    {
      ...{ SPDXID: 'SPDXRef-root', name: 'app', versionInfo: '3', downloadLocation: 'NOASSERTION' },
      ...{ licenseDeclared: 'MIT OR LicenseRef-own', packageFileName: './app' },
    },
  ],
  files: [
    {
      ...{ SPDXID: 'SPDXRef-f', fileName: './app' },
      checksums: [{ algorithm: 'SHA1', checksumValue: '0'.repeat(40) }],
    },
  ],
  relationships: [
    { spdxElementId: 'SPDXRef-root', relationshipType: 'CONTAINS', relatedSpdxElement: 'SPDXRef-f' },
  ],
  hasExtractedLicensingInfos: [{ licenseId: 'LicenseRef-own', extractedText: 'mine' }],
};

const MODULES = layerTar([
  { name: 'var/lib/dpkg/status.d/linux-image-6.1', content: DPKG.replace('bash\n', 'linux-image-6.1\n') },
]);
export const KERNEL = Buffer.alloc(50_000, 'vmlinux ');

export const app = (content: string): TestImage => ({
  name: 'docker.io/test/app:1',
  layers: [layerTar([{ name: 'app', content }])],
  bills: [BILL],
  config: { Cmd: ['/app'] },
});
export const IMAGES: TestImage[] = [
  {
    name: 'docker.io/test/kernel:1',
    layers: [
      layerTar([
        { name: 'kernel', content: gzipSync(KERNEL), mode: 0o755 },
        { name: 'kernel.tar', content: MODULES },
        { name: 'other', content: 'OTHER' },
        { name: 'ucode.cpio', content: 'UCODE' },
      ]),
    ],
  },
  {
    name: 'docker.io/test/init:1',
    layers: [
      layerTar([
        { name: 'var/lib/dpkg/status', content: DPKG },
        { name: 'usr/lib/os-release', content: OS_RELEASE },
        { name: 'cap', content: 'x', records: { 'SCHILY.xattr.security.capability': 'cap', mtime: '5.25' } },
      ]),
    ],
  },
  app('app'),
  { ...app('app'), name: 'docker.io/test/again:1' },
  { name: 'docker.io/test/many:1', layers: [layerTar([{ name: 'x' }])] },
  { name: 'docker.io/test/many:1', layers: [layerTar([{ name: 'y' }])], arch: 'arm64' },
];

export const SYSTEM = `
kernel: {image: test/kernel:1, cmdline: one}
init: [test/init:1]
volumes:
  - {name: data, image: test/app:1}
  - {name: images, image: test/many:1, format: oci, readonly: true}
onboot:
  - {name: first, image: test/app:1}
  - {name: second, image: test/again:1}
services: [{name: svc, image: test/app:1, binds: ["images:/images:ro"]}]
files: [{path: etc/system.yml, metadata: yaml}]
`;
