/** Volumes: directories of the composed system that containers bind by name. */
import { OsmithError, type Where } from '../errors.ts';
import type { Container, Mount, Volume } from './schema.ts';
import { whereOf } from './yaml.ts';

export function volumeDirectory(name: string): string {
  return `containers/volumes/${name}`;
}

function find(
  name: string,
  volumes: readonly Volume[],
  container: Container,
  where: Where | undefined,
): Volume {
  const volume = volumes.find((each) => each.name === name);
  if (volume !== undefined) return volume;
  throw new OsmithError('E_COMPOSE', `volume ${name} not found in ${container.name}`, {
    where,
    hint: 'Declare it under volumes, or begin the source with / if it is a path of the host',
  });
}

/** The last of `ro` and `rw` counts, as for the mount itself. */
function isReadOnly(options: readonly string[]): boolean {
  return options.findLast((option) => option === 'ro' || option === 'rw') === 'ro';
}

function checkWritable(volume: Volume, options: readonly string[], where: Where | undefined): void {
  if (volume.readonly !== true || isReadOnly(options)) return;
  throw new OsmithError(
    'E_COMPOSE',
    `volume ${volume.name} is read-only, but attempting to write into container read-write`,
    { where, hint: 'Add the option ro, or make the volume writable' },
  );
}

function bindPath(
  bind: string,
  volumes: readonly Volume[],
  container: Container,
  where: Where | undefined,
): string {
  const [source = '', ...rest] = bind.split(':');
  if (source.startsWith('/')) return bind;
  const volume = find(source, volumes, container, where);
  checkWritable(volume, rest[1]?.split(',') ?? [], where);
  return [`/${volumeDirectory(source)}/merged`, ...rest].join(':');
}

function mountPath(mount: Mount, volumes: readonly Volume[], container: Container): Mount {
  const { type, source = '', options = [] } = mount;
  if (type !== 'bind' || source.startsWith('/')) return mount;
  const where = whereOf(mount, 'source');
  checkWritable(find(source, volumes, container, where), options, where);
  return { ...mount, source: `/${volumeDirectory(source)}/merged` };
}

/** A container with the paths of volumes in place of their names. Throws E_COMPOSE. */
export function withVolumePaths(container: Container, volumes: readonly Volume[]): Container {
  const binds = (key: 'binds' | 'binds.add') => {
    const list = container[key];
    return list && { [key]: list.map((bind, i) => bindPath(bind, volumes, container, whereOf(list, i))) };
  };
  const { mounts } = container;
  return {
    ...container,
    ...binds('binds'),
    ...binds('binds.add'),
    ...(mounts && { mounts: mounts.map((mount) => mountPath(mount, volumes, container)) }),
  };
}
