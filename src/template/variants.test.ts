/** The matrix of EVE as data: what goes together, which kernel that means, and what is said of the rest. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allVariants, checkVariant, readVariants, variantTags } from './variants.ts';

const KERNEL = 'docker.io/lfedge/eve-kernel:eve-kernel';
const EVE = `arch:
  amd64: {platform: [generic, rt], hv: [kvm, k, xen, mini]}
  arm64:
    platform: [generic, nvidia-jp5, nvidia-jp6, nvidia-jp7, imx8mp_pollux, imx8mp_epc_r3720, imx8mq_evk]
    hv: [kvm, k, xen, mini]
  riscv64: {platform: [generic], hv: [mini]}
exclude:
  - {hv: k, platform: rt, why: there is no such kernel}
  - {hv: xen, platform: nvidia-jp6}
tags:
  amd64: {KERNEL_TAG: "${KERNEL}-amd64-v6.12.96-generic-core-5ec53c5d956c-gcc"}
  amd64/rt: {KERNEL_TAG: "${KERNEL}-amd64-v6.12.96-generic-rt-5ec53c5d956c-gcc"}
  arm64: {KERNEL_TAG: "${KERNEL}-arm64-v6.1.155-generic-417a12ac3d50-gcc"}
  arm64/nvidia-jp6: {KERNEL_TAG: "acme/jp6:1"}
`;

let dir = '';
let matrix: NonNullable<Awaited<ReturnType<typeof readVariants>>>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-variants-'));
  writeFileSync(join(dir, 'variants.yml'), EVE);
  matrix = (await readVariants(join(dir, 'variants.yml')))!;
});
afterAll(() => rmSync(dir, { recursive: true }));

const check = (arch: string, platform?: string, hv?: string) => checkVariant(matrix, { arch, platform, hv });

test.each([
  ['amd64', undefined, 'amd64-v6.12.96-generic-core-5ec53c5d956c-gcc'],
  ['amd64', 'rt', 'amd64-v6.12.96-generic-rt-5ec53c5d956c-gcc'],
  ['arm64', 'imx8mq_evk', 'arm64-v6.1.155-generic-417a12ac3d50-gcc'],
])('the kernel of %s %s', (arch, platform, kernel) => {
  const variant = check(arch, platform);
  expect(variant).toEqual({ arch, platform: platform ?? 'generic', hv: 'kvm' });
  expect(variantTags(matrix, variant).get('KERNEL_TAG')).toBe(`${KERNEL}-${kernel}`);
});

test('what is left open is what there is', () => {
  expect(check('riscv64')).toEqual({ arch: 'riscv64', platform: 'generic', hv: 'mini' });
  expect(variantTags(matrix, check('riscv64'))).toEqual(new Map());
  expect(variantTags(matrix, check('arm64', 'nvidia-jp6')).get('KERNEL_TAG')).toBe('acme/jp6:1');
  expect(allVariants(matrix)).toHaveLength(2 * 4 - 1 + (7 * 4 - 1) + 1);
});

test.each<[string, string | undefined, string | undefined, string, string]>([
  ['i386', undefined, undefined, 'Unsupported architecture i386', 'amd64, arm64, riscv64'],
  [
    'amd64',
    'gen',
    undefined,
    'Unsupported combination of architecture amd64 and platform gen',
    'generic, rt',
  ],
  ['riscv64', 'rt', undefined, 'Unsupported combination of architecture riscv64 and platform rt', 'generic'],
  ['amd64', 'nvidia-jp5', undefined, 'architecture amd64 and platform nvidia-jp5', 'Allowed: generic, rt'],
  ['amd64', undefined, 'acrn', 'Unsupported hypervisor acrn', 'kvm, k, xen, mini'],
  ['riscv64', undefined, 'kvm', 'Unsupported hypervisor kvm', 'Allowed: mini'],
  ['amd64', 'rt', 'k', 'There is no system with platform rt and hv k', 'there is no such kernel'],
  ['arm64', 'nvidia-jp6', 'xen', 'platform nvidia-jp6 and hv xen', 'has the platforms generic, nvidia-jp5'],
])('no %s %s %s', (arch, platform, hv, message, hint) => {
  expect(() => check(arch, platform, hv)).toThrow(
    expect.objectContaining({
      code: 'E_CONFIG',
      message: expect.stringContaining(message) as string,
      details: expect.objectContaining({ hint: expect.stringContaining(hint) as string }) as object,
    }) as Error,
  );
});
