import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { scrape } from '../support/scrape.js';
import { embedded, failureOf, readAll, Served } from './rpc/served.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let exported: ReadonlyMap<string, readonly string[]>;

beforeAll(async () => {
  exported = await exportedMetrics();
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
}

describe('the dashboard', () => {
  const dashboard = JSON.parse(read('deploy/grafana/outrider.json')) as Dashboard;
  const { panels } = dashboard;
  const shown = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  it('asks for metrics and labels that a server exports, and for no others', () => {
    const asked = [...shown, JSON.stringify(dashboard.templating.list)];
    expect(asked.flatMap(expr => unknownNames(expr))).toEqual([]);
    expect(asked.flatMap(expr => unknownLabels(expr))).toEqual([]);
  });

  it('shows every metric of speculation, of steps and of requests', () => {
    const wanted = [...exported.keys()].filter(name =>
      /^outrider_(spec_decode|step|num_requests|requests|generation)/.test(name),
    );

    expect(wanted.length).toBeGreaterThan(10);
    expect(wanted.filter(name => !shown.some(expr => expr.includes(name)))).toEqual([]);
  });

  it('has panels that ask for something, under their own numbers and titles, none over another', () => {
    const graphs = panels.filter(({ type }) => type !== 'row');

    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(graphs.filter(({ targets = [] }) => targets.length === 0)).toEqual([]);
    const overlaps = panels.flatMap((a, index) =>
      panels.slice(index + 1).filter(b => overlap(a.gridPos, b.gridPos)),
    );
    expect(overlaps).toEqual([]);
  });
});

describe('the alerts', () => {
  it('ask for metrics and labels that a server exports', () => {
    const text = read('deploy/prometheus/alerts.yml');
    const rules = text.split('- alert: ').slice(1);

    expect(rules.length).toBeGreaterThan(3);
    for (const rule of rules) {
      const expr = /expr: ([\s\S]*?)\n +(?:for|labels):/.exec(rule)?.[1] ?? '';
      expect(expr).toMatch(/outrider/);
      expect([expr, unknownNames(expr), unknownLabels(expr)]).toEqual([expr, [], []]);
    }
  });
});

describe('the page about metrics', () => {
  it('explains every metric that a server exports, and no other', () => {
    const page = read('docs/metrics.md');
    const named = new Set(
      [...page.matchAll(/^\| `((?:outrider|grpc|process)_\w+)/gm)].map(match => match[1] ?? ''),
    );

    expect([...named].sort()).toEqual([...exported.keys()].sort());
  });
});

/** Names that a server exports after some work, with their labels; a histogram's parts count as the histogram. */
async function exportedMetrics(): Promise<Map<string, readonly string[]>> {
  const models = [embedded('big'), embedded('small', { draftFor: 'big' })];
  await using served = await Served.ready({ admin: '127.0.0.1:0', models });
  await readAll(served.generate({ maxTokens: 12 }));
  await failureOf(served.generate({ maxTokens: 0 }));
  const { text, metrics } = await scrape(served.server.adminAddress);
  const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map(match => match[1] ?? '');
  return new Map(
    names.map(name => {
      const samples = metrics.get(name) ?? metrics.get(`${name}_bucket`) ?? [];
      return [name, [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))]];
    }),
  );
}

/** Metrics of an expression that no server has; the parts of a histogram count as the histogram. */
function unknownNames(expr: string): string[] {
  return namesIn(expr).filter(name => !exported.has(name) && !exported.has(bare(name)));
}

function namesIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:outrider|grpc_server|process)_\w+/g)].map(([name]) => name);
}

function bare(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}

/** Labels that an expression selects or groups by and that none of its metrics has. */
function unknownLabels(expr: string): string[] {
  const known = new Set(
    namesIn(expr).flatMap(name => exported.get(name) ?? exported.get(bare(name)) ?? []),
  );
  for (const added of ['le', 'job', 'instance']) known.add(added);
  const selected = [...expr.matchAll(/[{,]\s*(\w+)\s*=~?"/g)].map(match => match[1] ?? '');
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(match =>
    (match[1] ?? '').split(',').map(label => label.trim()),
  );
  return [...selected, ...grouped].filter(label => !known.has(label));
}

function overlap(a: Panel['gridPos'], b: Panel['gridPos']): boolean {
  const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
  return !apart;
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
