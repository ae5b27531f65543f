/** Numbers for Prometheus, in its text format (version 0.0.4). */

type Labels = Record<string, string>;
interface Metric {
  help: string;
  type: 'counter' | 'gauge';
  values: Map<string, number>;
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const KNOWN = {
  osmith_agent_info: { help: 'What this is.', type: 'gauge' },
  osmith_agent_memory_bytes: { help: 'Resident memory of the agent.', type: 'gauge' },
  osmith_runs_total: { help: 'Runs of a source.', type: 'counter' },
  osmith_run_failures_total: { help: 'Runs of a source in which a command failed.', type: 'counter' },
  osmith_changes_total: { help: 'Commands of a source that changed or removed something.', type: 'counter' },
  osmith_last_run_timestamp_seconds: { help: 'When a source ran last.', type: 'gauge' },
  osmith_last_run_ok: { help: 'Whether the last run of a source went well.', type: 'gauge' },
  osmith_pulls_total: { help: 'Attempts of a source to get a token, by result.', type: 'counter' },
  osmith_requests_total: { help: 'HTTP requests, by status.', type: 'counter' },
  osmith_updates_total: { help: 'Runs of the update, by result.', type: 'counter' },
  osmith_update_phase: { help: 'Which phase of an update the machine is in.', type: 'gauge' },
  osmith_update_downloaded_bytes_total: { help: 'Bytes downloaded for updates.', type: 'counter' },
} as const satisfies Record<string, { help: string; type: Metric['type'] }>;

export type MetricName = keyof typeof KNOWN;

export interface Metrics {
  add(name: MetricName, labels?: Labels, by?: number): void;
  set(name: MetricName, labels: Labels, value: number): void;
  /** Forgets all values of a metric, before it is set anew. */
  clear(name: MetricName): void;
  text(): string;
}

export function metrics(): Metrics {
  const known = new Map<string, Metric>(
    Object.entries(KNOWN).map(([name, kind]) => [name, { ...kind, values: new Map() }]),
  );
  const values = (name: MetricName) => known.get(name)!.values;
  return {
    add: (name, labels = {}, by = 1) => {
      const key = labelText(labels);
      values(name).set(key, (values(name).get(key) ?? 0) + by);
    },
    set: (name, labels, value) => void values(name).set(labelText(labels), value),
    clear: (name) => values(name).clear(),
    text: () =>
      [...known]
        .filter(([, metric]) => metric.values.size > 0)
        .map(([name, { help, type, values: all }]) => {
          const lines = [...all].map(([labels, value]) => `${name}${labels} ${value}\n`);
          return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
        })
        .join(''),
  };
}
