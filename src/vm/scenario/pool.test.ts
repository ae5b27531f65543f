import { describe, expect, it } from 'vitest';
import { fits, runPool } from './pool.ts';

const budget = { memory: 4000, cpus: 2 };
const cost = { memory: 1500, cpus: 1 };

describe('fits', () => {
  it.each([
    ['anything alone', { memory: 9000, cpus: 9 }, [], true],
    ['two small ones', cost, [cost], true],
    ['no more than the processors', { memory: 100, cpus: 2 }, [cost], false],
    ['no more than the memory', { memory: 3000, cpus: 1 }, [cost], false],
  ])('%s', (_, job, running, expected) => {
    expect(fits(job, running, budget)).toBe(expected);
  });
});

describe('runPool', () => {
  it('runs as many as fit, small ones before a large one that does not, and keeps the order of results', async () => {
    let running = 0;
    let most = 0;
    const job = (name: string, cpus: number) => ({
      cost: { memory: 1, cpus },
      run: async () => {
        most = Math.max(most, (running += cpus));
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= cpus;
        return name;
      },
    });
    const jobs = [job('a', 1), job('b', 2), job('c', 1), job('d', 1)];
    expect(await runPool(jobs, budget)).toEqual(['a', 'b', 'c', 'd']);
    expect(most).toBe(2);
  });

  it('starts nothing more after a failure, and waits for what runs', async () => {
    const done: string[] = [];
    const slow = {
      cost,
      run: () => new Promise<void>((resolve) => setTimeout(() => resolve(void done.push('slow')), 20)),
    };
    const bad = { cost, run: () => Promise.reject(new Error('bad')) };
    const never = { cost, run: async () => void done.push('never') };
    await expect(runPool<void>([slow, bad, never], budget)).rejects.toThrow('bad');
    expect(done).toEqual(['slow']);
  });
});
