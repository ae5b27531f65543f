export { toEnv } from './env.ts';
export { loadConfig } from './load.ts';
export { publicOnly } from './public.ts';
export { nearest } from './nearest.ts';
export type { Attributes, Config, ConfigRequest, Contribution, Effect } from './types.ts';
