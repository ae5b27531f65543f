/** Numbers that one thread finds, and all of them take, each once: whoever has nothing to do takes the next one. */

/** How many were taken; how many there are, times two, plus one if no more will come; then they themselves. */
const [TAKEN, STATE, FIRST] = [0, 1, 2];

export type Queue = Int32Array<SharedArrayBuffer>;

/** `size`: of how many numbers at most. */
export function newQueue(size: number): Queue {
  return new Int32Array(new SharedArrayBuffer((FIRST + size) * Int32Array.BYTES_PER_ELEMENT));
}

/** Called by one thread only. */
export function put(queue: Queue, number: number): void {
  queue[FIRST + (Atomics.load(queue, STATE) >> 1)] = number;
  Atomics.add(queue, STATE, 2);
  Atomics.notify(queue, STATE);
}

/** No more will come. */
export function end(queue: Queue): void {
  Atomics.or(queue, STATE, 1);
  Atomics.notify(queue, STATE);
}

/** Waits for numbers until there are no more: the thread does nothing else meanwhile. */
export function* taken(queue: Queue): Generator<number> {
  for (;;) {
    const index = Atomics.add(queue, TAKEN, 1);
    let state = Atomics.load(queue, STATE);
    while (index >= state >> 1) {
      if ((state & 1) === 1) return;
      Atomics.wait(queue, STATE, state);
      state = Atomics.load(queue, STATE);
    }
    yield queue[FIRST + index]!;
  }
}
