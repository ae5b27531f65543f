/** The merged composition as a file that can be composed again: for `metadata:` files and `--dry-run`. */
import { Document, visit } from 'yaml';
import { expandReference } from '../oci/reference.ts';
import type { Composition } from './composition.ts';
import { goJson, type JsonValue } from './json.ts';
import type { Container, FileEntry, Kernel } from './schema.ts';

type Plain = { [key: string]: JsonValue | undefined };

/** Keys in their order, as far as they are there. */
function ordered(value: object, keys: readonly string[]): Plain {
  const record = value as Plain;
  return Object.fromEntries(keys.flatMap((key) => (record[key] === undefined ? [] : [[key, record[key]]])));
}

const CONTAINER_KEYS = [
  ...[
    'capabilities',
    'capabilities.add',
    'ambient',
    'mounts',
    'binds',
    'binds.add',
    'devices',
    'tmpfs',
    'command',
  ],
  ...[
    'env',
    'cwd',
    'net',
    'pid',
    'ipc',
    'uts',
    'userns',
    'hostname',
    'readonly',
    'maskedPaths',
    'readonlyPaths',
  ],
  ...['uid', 'gid', 'additionalGids', 'noNewPrivileges', 'oomScoreAdj', 'rootfsPropagation', 'cgroupsPath'],
  ...['resources', 'sysctl', 'rlimits', 'uidMappings', 'gidMappings', 'annotations', 'runtime'],
];

function kernelMetadata(kernel: Kernel): Plain {
  const image = kernel.image ? expandReference(kernel.image) : '';
  return { image, ...ordered(kernel, ['cmdline', 'binary', 'tar', 'ucode']) };
}

function containerMetadata(container: Container): Plain {
  const { name, image } = container;
  return { name, image: expandReference(image), ...ordered(container, CONTAINER_KEYS) };
}

function fileMetadata(file: FileEntry): Plain {
  return {
    ...{ path: file.path ?? '', directory: file.directory ?? false },
    ...ordered(file, ['symlink', 'contents', 'source', 'metadata']),
    optional: file.optional ?? false,
    ...ordered(file, ['mode', 'uid', 'gid']),
  };
}

/** Images with their full names, but for those of volumes. */
function plain(composition: Composition): Plain {
  const { kernel, init, onboot, onshutdown, services, files, volumes } = composition;
  return {
    kernel: kernelMetadata(kernel),
    init: init.map(({ image }) => expandReference(image)),
    onboot: onboot.map(containerMetadata),
    onshutdown: onshutdown.map(containerMetadata),
    services: services.map(containerMetadata),
    files: files.map(fileMetadata),
    volumes: volumes.map((volume) => ordered(volume, ['name', 'image', 'readonly', 'format', 'platforms'])),
  };
}

/** Words that other readers of YAML take for something else than text. */
const AMBIGUOUS = /^(?:y|n|yes|no|on|off|true|false|null|~|[-+.\d].*|0[xob].*|<<|=|)$/i;

/** As text that linuxkit and this program read alike. */
export function metadata(composition: Composition, kind: 'yaml' | 'json'): string {
  const value = plain(composition);
  if (kind === 'json') return goJson(value);
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && AMBIGUOUS.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0 });
}
