/** pacman's database: a directory with a description for each installed package. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyFiles, findFiles } from '../../disk/tree-files.ts';
import type { StepContext, Tree } from '../../steps/types.ts';
import { byName } from '../inventory.ts';
import type { InstalledPackage } from '../types.ts';
import { field, parseDescription } from './desc.ts';

const ENTRY = /^var\/lib\/pacman\/local\/[^/]+\/desc$/;

export function installedPackage(text: string): InstalledPackage {
  const description = parseDescription(text);
  const value = (name: string) => field(description, name);
  return {
    ...{ name: value('NAME'), version: value('VERSION'), arch: value('ARCH') },
    size: Number(value('SIZE')),
  };
}

export async function inventory(context: StepContext<unknown>, tree: Tree): Promise<InstalledPackage[]> {
  const files = await findFiles(context, tree, (path) => ENTRY.test(path));
  const copies = files.map(({ content }, i) => [content, `db/${i}`] as const);
  await copyFiles(context, tree, new Map(copies));
  const texts = copies.map(([, copy]) => readFile(join(context.work, copy), 'utf8'));
  return (await Promise.all(texts)).map(installedPackage).sort(byName);
}
