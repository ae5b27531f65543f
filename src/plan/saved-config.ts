/** The configuration as an artifact, so that whoever has an image can see what it was made from, and make it again. */
import { version } from '../version.ts';
import type { Config } from '../config/index.ts';
import type { Artifact, Step } from './types.ts';

export function savedConfig(config: Config, name: string): { step: Step; artifact: Artifact } {
  const id = 'manifest/config';
  return {
    step: {
      ...{ id, kind: 'config', stage: 'manifest', inputs: {} },
      params: { lines: config.saved(name, `Osmith ${version()}`).split('\n') },
    },
    artifact: { name: `${name}.config.ini`, step: id, output: 'config' },
  };
}
