/** What a disk is made of. */
import { z } from 'zod';
import { isSafeCmdline } from '../../disk/boot-slots.ts';
import { fleetSchema } from '../../disk/fleet.ts';
import { menuChoices } from '../../disk/grub-config.ts';
import { layoutSchema } from '../../disk/layout.ts';
import { loaderNames } from '../../distro/types.ts';

export const params = z.strictObject({
  /**
   * Partitions with contents `image` are the inputs of their names, as are blobs. The loaders are the inputs `shim`,
   * `grub` or `sdboot`, and `mm`, as far as they are there.
   */
  layout: layoutSchema,
  arch: z.enum(['amd64', 'arm64']),
  /**
   * What the loaders start. `slots`: kernel and initrd (inputs `vmlinuz`, `initrd`) in a slot on the ESP, which updates
   * can replace; `plain`: the same two as they are; `selector`: the same, which learn where they were; `ostree`: the deployments in the root file system (input `root`);
   * `systemd-boot`: kernel and initrd as the input `entry` says; `none`: what `files` brings.
   */
  system: z.enum(['slots', 'plain', 'selector', 'ostree', 'systemd-boot', 'none']).default('slots'),
  /** Name of the build, which updates are for. */
  name: z.string().default(''),
  /** Kernel command line. */
  cmdline: z
    .string()
    .refine(isSafeCmdline, 'has characters that end a command of GRUB, or an open quote')
    .default(''),
  /** What the boot menu shows. */
  title: z.string().default(''),
  choices: menuChoices,
  /** Label of the EFI system partition's file system: FAT allows 11 characters. */
  label: z
    .string()
    .regex(/^[A-Z0-9_-]{1,11}$/, 'must be 1 to 11 of A-Z 0-9 _ -')
    .default('EFI'),
  /** Further files on the ESP: path there to the input that has the content. */
  files: z.record(z.string().regex(/^[^/]+(\/[^/]+)*$/), z.string()).default({}),
  /** Sets of files on the ESP: directory there (`.` for its root) to the input. */
  sets: z.record(z.string().regex(/^[^/]+(\/[^/]+)*$/), z.string()).default({}),
  /** Directory on the ESP in which the signed GRUB looks for grub.cfg, unless it says another itself. */
  grubDir: z.string().default('EFI/debian'),
  names: loaderNames.optional(),
  /** Size of the ESP in bytes, in place of the layout's rule. */
  espSize: z.int().positive().optional(),
  /** Free bytes on the ESP, in place of the layout's. */
  headroom: z.int().nonnegative().optional(),
  /** Size of the whole image in bytes: what no partition takes stays free. By default no more than they take. */
  size: z.int().positive().optional(),
  /** Limit for the whole image in bytes. */
  maxSize: z.int().positive().optional(),
  /** Releases whose machines must have room for it. */
  fleet: fleetSchema.default([]),
  /** The partition that is one of two slots. */
  slot: z.string().optional(),
  /** Boot on BIOS machines too (amd64 only). */
  bios: z.boolean(),
});

export type Params = z.infer<typeof params>;
