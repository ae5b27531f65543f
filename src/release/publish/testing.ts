/** For tests of targets on servers: a free port, waiting, and proxies that cut connections or answer with errors. */
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until something answers at a port; throws after some time. */
export async function untilListening(port: number): Promise<void> {
  for (let round = 0; round < 600; round += 1) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (up) return;
    await sleep(100);
  }
  throw new Error(`nothing listens at port ${port}`);
}

export interface CuttingProxy {
  port: number;
  /** Bytes that clients sent so far. */
  sent: number;
  /** All connections are cut when `sent` reaches this. */
  limit: number;
  /** Cuts all connections; new ones are taken. */
  cut: () => void;
  close: () => Promise<void>;
}

/** Leads to a port of this machine. */
export async function cuttingProxy(to: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => {
      proxy.sent += data.length;
      if (proxy.sent < proxy.limit) return void upstream.write(data);
      // What came before the cut arrives, as it does on a real line.
      upstream.end(data.subarray(0, Math.max(0, data.length - (proxy.sent - proxy.limit))));
      return proxy.cut();
    });
    upstream.on('data', (data) => client.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: CuttingProxy = {
    ...{ port: (server.address() as AddressInfo).port, sent: 0, limit: Infinity },
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: async () => {
      proxy.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** A status of HTTP, with a code of S3's. */
export type Fault = number | [status: number, code: string];

export interface FaultyProxy {
  port: number;
  /** What becomes of a request; undefined: it gets through. */
  fault: (request: { method: string; url: string }) => Fault | undefined;
  close: () => void;
}

/** Leads to an HTTP server at a port of this machine, or answers as a server in trouble does. */
export async function faultyProxy(to: number): Promise<FaultyProxy> {
  const server = createHttpServer((request, response) => {
    const fault = proxy.fault({ method: request.method!, url: request.url! });
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (fault !== undefined) {
        const [status, code] = typeof fault === 'number' ? [fault, 'Oops'] : fault;
        response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
        return;
      }
      // As it is, byte for byte: the signature is of the headers, too.
      const { rawHeaders: raw } = request;
      const pairs = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []));
      const kept = pairs.filter((pair) => !/^connection:/i.test(pair));
      const upstream = connect(to, '127.0.0.1');
      upstream.on('error', () => response.destroy());
      upstream.write(
        `${request.method} ${request.url} HTTP/1.1\r\n${[...kept, 'Connection: close'].join('\r\n')}\r\n\r\n`,
      );
      upstream.write(Buffer.concat(parts));
      upstream.pipe(request.socket);
      request.socket.on('close', () => upstream.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultyProxy = {
    port: (server.address() as AddressInfo).port,
    fault: () => undefined,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}
