/** Numbers for several threads, with real threads. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { end, newQueue, put, taken, type Queue } from './queue.ts';

/** A thread that takes what it gets. */
function taker(queue: Queue): Promise<number[]> {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { taken } from ${JSON.stringify(new URL('./queue.ts', import.meta.url).href)};
    parentPort.postMessage([...taken(workerData)]);
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: queue,
  });
  return once(worker, 'message').then(([numbers]) => numbers as number[]);
}

/** Long enough that threads that have nothing to do wait. */
function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 20));
}

test('every number is taken once, also by threads that wait for it', async () => {
  const numbers = Array.from({ length: 5000 }, (_, i) => i * 3 + 1);
  const queue = newQueue(numbers.length);
  const takers = [taker(queue), taker(queue), taker(queue)];
  for (const [i, number] of numbers.entries()) {
    put(queue, number);
    if (i % 1000 === 0) await pause();
  }
  await pause();
  end(queue);
  const all = [...taken(queue), ...(await Promise.all(takers)).flat()];
  expect(all.sort((a, b) => a - b)).toEqual(numbers);
});

test('nobody waits where no more will come', async () => {
  const queue = newQueue(0);
  const waiting = taker(queue);
  await pause();
  end(queue);
  expect(await waiting).toEqual([]);
  expect([...taken(queue)]).toEqual([]);
});
