/** The sections [fleet-NAME]: what machines in the field have room for. */
import type { Config } from '../config/index.ts';
import { mebibytes } from '../disk/size-limit.ts';
import { OsmithError } from '../errors.ts';
import { sizeParam } from './limits.ts';
import type { Json } from './types.ts';

const PREFIX = 'fleet-';

/**
 * For steps that make disks. Throws E_TOO_LARGE when machines of a release have less memory than tests run with: that is
 * known before any work.
 */
export function fleetOf(config: Config): Record<string, Json>[] {
  const sections = config.sections().filter((section) => section.startsWith(PREFIX));
  return sections.map((section) => {
    const name = section.slice(PREFIX.length);
    const size = (option: string) => sizeParam(config, option, option, section);
    const { memory } = size('memory');
    const needed = config.size('vm', 'memory');
    if (memory !== undefined && memory < needed) {
      const message = `The system is tested with ${mebibytes(needed)} of memory, machines of ${name} have ${mebibytes(memory)}`;
      throw new OsmithError('E_TOO_LARGE', message, {
        where: config.where(section, 'memory'),
        hint: 'Set vm.memory to what they have, and see in `osmith test` whether the system still runs',
      });
    }
    return { name, ...size('slot'), ...size('esp') };
  });
}
