/** Resource limits of a process, from linuxkit's `NAME,SOFT,HARD`. */
import { OsmithError, type Where } from '../errors.ts';

const NAMES = [
  ...['CPU', 'FSIZE', 'DATA', 'STACK', 'CORE', 'RSS', 'NPROC', 'NOFILE', 'MEMLOCK', 'AS', 'LOCKS'],
  ...['SIGPENDING', 'MSGQUEUE', 'NICE', 'RTPRIO', 'RTTIME'],
];

const UNLIMITED = 0xffff_ffff_ffff_ffffn;

export interface Rlimit {
  type: string;
  hard: bigint;
  soft: bigint;
}

function amount(text: string, where: Where | undefined): bigint {
  const trimmed = text.trim();
  if (trimmed.toLowerCase() === 'unlimited') return UNLIMITED;
  const value = /^\d+$/.test(trimmed) ? BigInt(trimmed) : undefined;
  if (value !== undefined && value <= UNLIMITED) return value;
  throw new OsmithError('E_COMPOSE', `cannot parse ${trimmed} as uint64`, {
    where,
    hint: 'Write a whole number below 2^64, or unlimited',
  });
}

/** Throws E_COMPOSE for what is no limit. */
export function parseRlimit(text: string, where: Where | undefined): Rlimit {
  const [name = '', soft, hard, ...more] = text.split(',');
  if (soft === undefined || hard === undefined || more.length > 0) {
    throw new OsmithError('E_COMPOSE', `cannot parse rlimit: ${text}`, {
      where,
      hint: 'Write NAME,SOFT,HARD',
    });
  }
  const given = name.trim().toUpperCase();
  const known = NAMES.find((each) => given === each || given === `RLIMIT_${each}`);
  if (known === undefined) {
    throw new OsmithError('E_COMPOSE', `unknown limit: ${name.trim()}`, {
      where,
      hint: `Known: ${NAMES.join(' ')}`,
    });
  }
  return { type: `RLIMIT_${known}`, hard: amount(hard, where), soft: amount(soft, where) };
}
