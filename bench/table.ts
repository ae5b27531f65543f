/** The measurements as a table of ratios: times of different runs or machines say little beside each other. */
import { median, type Sample } from './measure.ts';

/** All rows, measured one after the other. */
export interface Round {
  mmdebstrap: Sample;
  tools: Sample;
  first: Sample;
  same: Sample;
  firstHook: Sample;
  lastHook: Sample;
}

export interface Row {
  what: string;
  elapsed: number;
  cpu: number;
  /** Of a first build. */
  share: number;
  /** What the aim is about, when the row has one. */
  aim?: { text: string; value: number; limit: number };
}

export interface Report {
  machine: {
    cores: number;
    processor: string;
    memory: number;
    kernel: string;
    mmdebstrap: string;
    user: string;
    load: number;
    loadAtEnd: number;
  };
  rounds: Round[];
  rows: Row[];
  mkosi: string;
}

const ROWS: [keyof Round, string][] = [
  ['mmdebstrap', 'mmdebstrap, same packages'],
  ['tools', 'file system tools alone'],
  ['first', 'osmith, first build'],
  ['same', 'osmith, no change'],
  ['firstHook', 'osmith, first hook changed'],
  ['lastHook', 'osmith, last hook changed'],
];

/** Ratios are taken within each round, as the machine may be slower in the next. */
export function summarise(rounds: readonly Round[]): Row[] {
  const middle = (pick: (round: Round) => number) => median(rounds.map(pick));
  const ofFirst = (name: keyof Round) => middle((round) => round[name].elapsed / round.first.elapsed);
  const aims: Partial<Record<keyof Round, Row['aim']>> = {
    first: {
      text: 'of 1.5 x mmdebstrap + tools',
      value: middle(
        ({ first, mmdebstrap, tools }) => first.elapsed / (1.5 * mmdebstrap.elapsed + tools.elapsed),
      ),
      limit: 1,
    },
    same: { text: 's', value: middle(({ same }) => same.elapsed), limit: 1 },
    firstHook: { text: 'of a first build', value: ofFirst('firstHook'), limit: 0.25 },
    lastHook: { text: 'of a first build', value: ofFirst('lastHook'), limit: 0.25 },
  };
  return ROWS.map(([name, what]) => {
    const aim = aims[name];
    return {
      what,
      elapsed: middle((round) => round[name].elapsed),
      cpu: middle((round) => round[name].cpu),
      share: ofFirst(name),
      ...(aim && { aim }),
    };
  });
}

function aimText({ aim }: Row): string {
  if (aim === undefined) return '';
  const { text, value, limit } = aim;
  return `${value.toFixed(2)} ${text}, aim ${limit}: ${value <= limit ? 'met' : 'missed'}`;
}

export function table({ machine, rounds, rows, mkosi }: Report): string {
  const head = ['', 'elapsed', 'processor', 'of a first build', 'aim'];
  const cells = rows.map((row) => [
    row.what,
    `${row.elapsed.toFixed(1)} s`,
    `${row.cpu.toFixed(1)} s`,
    row.share.toFixed(3),
    aimText(row),
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]!.length)),
  );
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i === 0 || i === 4 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const gib = (machine.memory / 2 ** 30).toFixed(0);
  return [
    `${machine.cores} cores (${machine.processor}), ${gib} GiB, Linux ${machine.kernel}, ${machine.mmdebstrap}, ${machine.user}`,
    `load ${machine.load.toFixed(1)} before, ${machine.loadAtEnd.toFixed(1)} after; medians of ${rounds.length} rounds`,
    '',
    ...[head, ...cells].map(line),
    '',
    `mkosi: ${mkosi}`,
    '',
  ].join('\n');
}
