import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import './connections.ts';

test('a connection that ends while much waits to be read', async () => {
  const bytes = Buffer.alloc(3_000_000, 'content ');
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.0 200 OK\r\ncontent-length: ${bytes.length}\r\n\r\n`);
      socket.end(bytes);
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  // What is thrown out of an event of a socket ends a program; vitest, too, counts it as a failure.
  const thrown: unknown[] = [];
  const note = (error: unknown) => thrown.push(error);
  process.on('uncaughtExceptionMonitor', note);
  try {
    for (let round = 0; round < 5; round += 1) {
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const chunks: Uint8Array[] = [];
      for await (const chunk of response.body!) {
        chunks.push(chunk as Uint8Array);
        await sleep(5);
      }
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    }
    expect(thrown).toEqual([]);
  } finally {
    process.off('uncaughtExceptionMonitor', note);
    server.close();
  }
});
