/** Keeps other builds of the same variant, or to the same place, away. */
import type { Config } from '../config/index.ts';
import type { Emit } from '../report/events.ts';
import { lockBuild } from '../run/build-lock.ts';
import type { Lock } from '../run/lock.ts';
import type { Store } from '../run/store.ts';
import { interruption } from './signals.ts';

/** The command line for those who wait, without the values of settings. */
export function commandLine(): string {
  const hidden = process.argv.slice(2).map((word, index, all) => {
    if (all[index - 1] === '--set') return word.replace(/=.*/s, '=...');
    return word.startsWith('--set=') ? word.replace(/^(--set=[^=]*)=.*/s, '$1=...') : word;
  });
  return ['osmith', ...hidden].join(' ');
}

export interface Locking {
  config: Config;
  store: Store;
  emit: Emit;
  /** How long another build is waited for. */
  seconds: number;
}

/** Waits until no other build uses the variant or the output directory. */
export async function lockAll({ config, store, emit, seconds }: Locking, out: string): Promise<Lock> {
  const common = {
    ...{ command: commandLine(), seconds, signal: interruption },
    onWait: (text: string) => emit({ type: 'note', text }),
  };
  const names = Object.values(config.attributes).join(' ');
  const variant = await lockBuild(store, {
    ...{ ...common, kind: 'variant', thing: JSON.stringify([config.workspace, config.attributes]) },
    name: `the variant ${names}`,
    hint: 'Wait for it, or wait longer with --lock-timeout SECONDS',
  });
  try {
    const place = await lockBuild(store, {
      ...{ ...common, kind: 'out', thing: out, name: out },
      hint: 'Wait for it, name another directory with --out, or wait longer with --lock-timeout SECONDS',
    });
    return { release: async () => void (await Promise.all([place.release(), variant.release()])) };
  } catch (error) {
    await variant.release();
    throw error;
  }
}
