/** `@pkg:PATH` in a composition stands for the image of a package directory. */
import { dirname, resolve } from 'node:path';
import { OsmithError, type Where } from '../errors.ts';
import { whereOf, type Mapping, type Value } from './yaml.ts';

const PREFIX = '@pkg:';

/** Gives the reference of the package in a directory. */
export type PackageResolver = (dir: string, where: Where | undefined) => string;

function directoryOf(text: string, file: string, where: Where | undefined): string {
  if (file !== STDIN) return resolve(dirname(file), text.slice(PREFIX.length));
  throw new OsmithError('E_COMPOSE', `${text} cannot be resolved: the standard input is in no directory`, {
    where,
    hint: 'Give the name of a file, or that of the image',
  });
}

/** The name of what is read from the standard input. */
export const STDIN = 'standard input';

/** Puts references in the place of templates. Other values that begin with @ are what they are. */
export function resolveTemplates(value: Value, file: string, reference: PackageResolver): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, each] of Object.entries<Value>(value as Mapping)) {
    const key = Array.isArray(value) ? Number(name) : name;
    if (typeof each === 'string' && each.startsWith(PREFIX)) {
      const where = whereOf(value, key);
      (value as Record<string | number, Value>)[key] = reference(directoryOf(each, file, where), where);
    } else resolveTemplates(each, file, reference);
  }
}
