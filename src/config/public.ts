import { faultsError } from './fault.ts';
import type { Config } from './types.ts';

/**
 * The same configuration for those who write what they read into plans, logs or artifacts: to ask it for something
 * private is an error.
 */
export function publicOnly(config: Config): Config {
  const guard =
    <T>(read: (section: string, option: string) => T) =>
    (section: string, option: string): T => {
      if (!config.isPrivate(section, option)) return read(section, option);
      const message = `[${section}] ${option} is from a private file, and would be readable in the plan and in what is built`;
      const hint = 'If it is no secret, set it in config/local.ini';
      throw faultsError([{ message, hint, where: config.where(section, option) }]);
    };
  return {
    ...config,
    get: guard((...at) => config.get(...at)),
    find: guard((...at) => config.find(...at)),
    list: guard((...at) => config.list(...at)),
    bool: guard((...at) => config.bool(...at)),
    int: guard((...at) => config.int(...at)),
    size: guard((...at) => config.size(...at)),
    raw: guard((...at) => config.raw(...at)),
  };
}
