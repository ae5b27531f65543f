/**
 * TLS to a machine's agent. Its certificate is made anew at each start unless it was given one, so that there may be no
 * authority to ask: then its fingerprint says that it is the right machine. Nothing is sent before that is known.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { OsmithError } from '../../errors.ts';

export interface Host {
  /** As the user wrote it. */
  name: string;
  address: string;
  port: number;
}

/** How a machine proves that it is the one that is meant. */
export interface Trust {
  /** PEM: authorities that count in place of the well-known ones. */
  ca?: string[] | undefined;
  /** SHA-256 fingerprints of certificates, as `parseFingerprint` returns them; one of them suffices, whoever issued it. */
  fingerprints?: string[] | undefined;
  /** It need not: whoever answers there can read the pattern and make up the answer. */
  insecure?: boolean | undefined;
}

const PORT = 4000;

/** `host`, `host:port`, `[IPv6]:port`, or an IPv6 address. Throws E_USAGE. */
export function parseHost(text: string): Host {
  const wrong = new OsmithError('E_USAGE', `${JSON.stringify(text)} is no host`, {
    hint: 'Write host, host:port, or [IPv6 address]:port',
  });
  if (isIP(text) === 6) return { name: text, address: text, port: PORT };
  const [, bracketed, plain, port] =
    /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined || (bracketed !== undefined && isIP(bracketed) !== 6)) throw wrong;
  const number = port === undefined ? PORT : Number(port);
  if (number < 1 || number > 65_535) throw wrong;
  return { name: text, address, port: number };
}

/** A SHA-256 fingerprint with or without colons. Undefined for anything else. */
export function parseFingerprint(text: string): string | undefined {
  const hex = text
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(hex) ? hex : undefined;
}

function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** Throws E_SIGNATURE unless the machine is the one that is meant. */
function checkPeer(socket: TLSSocket, trust: Trust): void {
  if (trust.insecure === true) return;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new OsmithError('E_SIGNATURE', 'It shows no certificate');
  const seen = `Its certificate has the fingerprint ${certificate.fingerprint256}`;
  if (trust.fingerprints !== undefined) {
    if (trust.fingerprints.includes(fingerprintOf(certificate))) return;
    throw new OsmithError(
      'E_SIGNATURE',
      `It is not the machine that is meant, or was started anew. ${seen}`,
      {
        hint: "The agent's log on the machine says which fingerprint it has now",
      },
    );
  }
  if (socket.authorized) return;
  // Typed as an error, and is the code of one.
  const reason = String(socket.authorizationError);
  throw new OsmithError('E_SIGNATURE', `Its certificate cannot be verified (${reason}). ${seen}`, {
    hint: "If the agent's log on the machine says the same, give it with --fingerprint; see docs/agent.md",
  });
}

/** A connection to a machine that has proved who it is. `signal` ends the attempt. */
export async function connect(host: Host, trust: Trust, signal: AbortSignal): Promise<TLSSocket> {
  signal.throwIfAborted();
  const socket = tlsConnect({
    host: host.address,
    port: host.port,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: false, // checkPeer decides, and can say what it saw
    ...(isIP(host.address) === 0 && { servername: host.address }),
    ...(trust.ca !== undefined && { ca: trust.ca }),
  });
  socket.on('error', () => {});
  const abort = () => socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed')));
    });
    checkPeer(socket, trust);
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
