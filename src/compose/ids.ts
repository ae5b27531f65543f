/** User and group ids by name: every container has a number that others can name it by. */
import { OsmithError, type Where } from '../errors.ts';
import type { Composition } from './composition.ts';
import type { Id } from './schema.ts';

/** The first id that is given out. */
const FIRST = 100;

const MAX_ID = 0xffff_ffff;

/** Counted over all containers in their order; a name that comes twice has the last number. */
export function allocateIds({ onboot, onshutdown, services }: Composition): Map<string, number> {
  return new Map([...onboot, ...onshutdown, ...services].map(({ name }, i) => [name, FIRST + i]));
}

/** The number of an id. Nothing, an empty name and `root` are 0. */
export function numericId(
  id: Id | undefined,
  ids: ReadonlyMap<string, number>,
  where: Where | undefined,
): number {
  if (id === undefined || id === '' || id === 'root') return 0;
  if (typeof id === 'string') {
    const number = ids.get(id);
    if (number !== undefined) return number;
    throw new OsmithError('E_COMPOSE', `cannot find id: ${id}`, {
      where,
      hint: 'Name a container of this composition, root, or write a number',
    });
  }
  if (id >= 0 && id <= MAX_ID) return Number(id);
  throw new OsmithError('E_COMPOSE', `${id} is no user or group id`, {
    where,
    hint: 'Ids are from 0 to 4294967295',
  });
}
