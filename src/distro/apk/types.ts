import type { DistroData } from '../types.ts';
import type { Keys } from './keys.ts';

/** What distributions that use apk differ in. */
export interface ApkData {
  data: DistroData;
  mirror: string;
  /** Those that sign its indexes. */
  keys: Keys;
}
