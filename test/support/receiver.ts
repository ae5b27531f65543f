/** A server on this machine that takes what hooks send, to see what reached the world outside. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

export interface Receiver {
  port: number;
  /** What came, one text per connection; forgotten once told. */
  take: () => string[];
  close: () => void;
}

export async function receiver(): Promise<Receiver> {
  let received: string[] = [];
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (data: string) => (text += data));
    socket.on('end', () => {
      received.push(text);
      socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    take: () => {
      const told = received;
      received = [];
      return told;
    },
    close: () => server.close(),
  };
}

/** Lines of a bash hook that sends its standard input to a receiver and waits until it was taken. */
export function sendTo({ port }: Receiver): string {
  return `# osmith: network
send() { exec 3<>/dev/tcp/127.0.0.1/${port} && cat >&3 && exec 3>&-; }
`;
}
