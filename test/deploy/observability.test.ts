import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Registry } from 'prom-client';
import { parse } from 'yaml';
import {
  collectProcessMetrics,
  exportLimitedTenants,
  exportRefusedAddresses,
  exportServerLoad,
  exportWorkers,
  registry as gatekeeper,
} from '../../plugin/metrics/metrics';
import { bridgeRegistry } from './bridge-registry';
import { groupedLabels, selectorsOf } from './promql';

const root = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}
interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[];
  };
}

/** Where the repository is: what package.json says. */
const repository = (
  JSON.parse(read('package.json')) as { repository: { url: string } }
).repository.url.replace(/^git\+|\.git$/g, '');

/** One metric as it is exported. */
interface Exported {
  readonly type: string;
  readonly labels: readonly string[];
  /** The values that a label has from the start. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Labels that Prometheus itself adds. */
const TARGET_LABELS = ['instance', 'job'];
/** The series that Prometheus itself makes, one a target: 0 when it could not be scraped. */
const UP = 'up';
const exported = new Map<string, Exported>();
const rules = (parse(read('deploy/prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(read('deploy/grafana/ws-bridge.json')) as Dashboard;
const targets = dashboard.panels.flatMap(({ targets: own = [] }) => own);

beforeAll(async () => {
  exportServerLoad(() => ({ connections: 0, callsInFlight: 0, instances: 0 }));
  exportLimitedTenants(1);
  exportWorkers({ ready: 0, deaths: 0, hangs: 0 });
  exportRefusedAddresses(() => 0);
  collectProcessMetrics();
  for (const registry of [bridgeRegistry(), gatekeeper]) await collect(registry);
});

async function collect(registry: Registry): Promise<void> {
  for (const { name, type } of await registry.getMetricsAsJSON()) {
    const metric = registry.getSingleMetric(name);
    if (metric === undefined) throw new Error(`expected ${name}`);
    // Not in prom-client's types.
    const { labelNames } = metric as unknown as { labelNames: readonly string[] };
    const values = new Map<string, Set<string>>();
    for (const sample of (await metric.get()).values) {
      for (const [label, value] of Object.entries(sample.labels)) {
        values.set(label, (values.get(label) ?? new Set()).add(`${value ?? ''}`));
      }
    }
    // prom-client's JSON has the name of the type, where its own types have a number.
    exported.set(name, { type: `${type}`, labels: labelNames.filter((label) => label !== 'le'), values });
  }
}

/** The metric that a series belongs to: a histogram's series have suffixes. */
function metricOf(series: string): Exported | undefined {
  const base = series.replace(/_(bucket|sum|count)$/, '');
  const found = exported.get(base);
  if (base !== series && found?.type === 'histogram') return found;
  const own = exported.get(series);
  // A histogram has no series of its own name.
  return own?.type === 'histogram' ? undefined : own;
}

/** The faults of an expression, for a message. */
function faultsOf(expression: string): readonly string[] {
  const selectors = selectorsOf(expression);
  if (selectors.every(({ metric }) => metric === UP)) return [`no metric of ours in ${expression}`];
  const faults: string[] = [];
  for (const { metric, matchers } of selectors) {
    if (metric === UP) continue;
    const known = metricOf(metric);
    if (known === undefined) {
      faults.push(`${metric} is not exported`);
      continue;
    }
    for (const { label, operator, value } of matchers) {
      if (TARGET_LABELS.includes(label)) continue;
      if (!known.labels.includes(label)) faults.push(`${metric} has no label ${label}`);
      for (const alternative of operator.includes('~') ? value.split('|') : [value]) {
        if (known.values.get(label)?.has(alternative) !== true)
          faults.push(`${metric}: no ${label}="${alternative}"`);
      }
    }
  }
  const labels = new Set([
    ...TARGET_LABELS,
    'le',
    ...selectors.flatMap(({ metric }) => metricOf(metric)?.labels ?? []),
  ]);
  for (const label of groupedLabels(expression))
    if (!labels.has(label)) faults.push(`no label ${label} to group by`);
  return faults;
}

describe('what an expression reads', () => {
  it('is found in it', () => {
    expect(
      selectorsOf(
        'sum by (a, le) (rate(x_total{b="c|d{}",e=~"f"}[5m])) / on (g) (y > 0.8) and z unless -w * 1e3',
      ),
    ).toEqual([
      {
        metric: 'x_total',
        matchers: [
          { label: 'b', operator: '=', value: 'c|d{}' },
          { label: 'e', operator: '=~', value: 'f' },
        ],
      },
      { metric: 'y', matchers: [] },
      { metric: 'z', matchers: [] },
      { metric: 'w', matchers: [] },
    ]);
    expect(groupedLabels('sum by (a, le) (x) / on (g) y')).toEqual(['a', 'le', 'g']);
  });

  it('is missed when it is not exported, by name, label or value', () => {
    expect(faultsOf('ws_bridge_nothing')).toEqual(['ws_bridge_nothing is not exported']);
    expect(faultsOf('ws_bridge_write_lag_seconds')).toHaveLength(1);
    expect(faultsOf('ws_bridge_gaps_total{raison="redis"}')).toContain(
      'ws_bridge_gaps_total has no label raison',
    );
    expect(faultsOf('ws_bridge_gaps_total{reason=~"redis|typo"}')).toEqual([
      'ws_bridge_gaps_total: no reason="typo"',
    ]);
    expect(faultsOf('sum by (nobody) (ws_bridge_gaps_total)')).toEqual(['no label nobody to group by']);
  });
});

describe('an alert', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s reads only what is exported', (_, rule) => {
    expect(faultsOf(rule.expr)).toEqual([]);
  });

  it('has its own name, a severity, a time, and says what is wrong, with labels that it has', () => {
    expect(rules.length).toBeGreaterThan(0);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { expr, for: time, labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(time).toMatch(/^\d+m$/);
      expect(annotations.summary).not.toBe('');
      const kept = groupedLabels(expr);
      const isAggregated = kept.length > 0 || /\bsum\(/.test(expr);
      for (const [, label = ''] of annotations.description.matchAll(/\$labels\.(\w+)/g)) {
        expect(isAggregated ? kept : TARGET_LABELS).toContain(label);
      }
    }
  });

  it.each([
    ['bridge', 'Bridge', /^ws_bridge_/],
    ['gatekeeper', 'Gatekeeper', /^ws_gatekeeper_/],
  ])('tells of a %s that is dead, and of there being none', (_, prefix, ours) => {
    const metricsOf = (name: string): readonly string[] => {
      const found = rules.find(({ alert }) => alert === `${prefix}${name}`);
      expect(found?.labels.severity).toBe('critical');
      expect(found?.expr).toMatch(name === 'Absent' ? /^absent\(/ : /^up == 0 and /);
      return selectorsOf(found?.expr ?? '').map(({ metric }) => metric);
    };
    const [up, seen = ''] = metricsOf('Down');
    const [absent = ''] = metricsOf('Absent');
    expect(up).toBe(UP);
    for (const metric of [seen, absent]) {
      expect(metric).toMatch(ours);
      // There from the start, so that its absence means that of the process.
      expect(exported.get(metric)).toMatchObject({ type: 'gauge', labels: [] });
    }
  });

  it('has its section in the runbook, and each section its alert', () => {
    const sections = [...read('docs/runbook.md').matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(sections.sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook_url).toBe(`${repository}/blob/main/docs/runbook.md#${alert.toLowerCase()}`);
    }
  });
});

describe('the dashboard', () => {
  it.each(targets.map(({ expr }) => [expr]))('reads only what is exported: %s', (expr) => {
    expect(faultsOf(expr)).toEqual([]);
  });

  it('shows every metric of ours', () => {
    const shown = new Set(targets.flatMap(({ expr }) => selectorsOf(expr).map(({ metric }) => metric)));
    const missing = [...exported.keys()].filter(
      (name) => name.startsWith('ws_') && !shown.has(name) && !shown.has(`${name}_bucket`),
    );
    expect(missing).toEqual([]);
  });

  it('has panels with ids of their own, that do not overlap, on the data source that is chosen', () => {
    const { panels } = dashboard;
    expect(dashboard.uid).toBe('ws-bridge');
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { type, title, gridPos, datasource, targets: own = [] } of panels) {
      expect(title).not.toBe('');
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken).not.toContain(`${x}.${y}`);
          taken.add(`${x}.${y}`);
        }
      }
      if (type === 'row') continue;
      expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
      expect(own.length).toBeGreaterThan(0);
      expect(new Set(own.map(({ refId }) => refId)).size).toBe(own.length);
    }
  });

  it('uses the variables that it has, and no others', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(['datasource', 'instance']);
    const used = new Set([...JSON.stringify(dashboard).matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name));
    expect([...used].filter((name) => !name.startsWith('__')).sort()).toEqual(names);
  });
});

describe('docs/metrics.md', () => {
  const rows = [...read('docs/metrics.md').matchAll(/^\| `(ws_\w+)` +\| (\w+) +\| ([\w, ]*?) *\|/gm)];
  const documented = new Map(
    rows.map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: labels.split(', ').filter((label) => label !== '') },
    ]),
  );

  it('lists every metric of ours that is exported, with its type and labels, and no other', () => {
    const ours = [...exported].filter(([name]) => name.startsWith('ws_'));
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(ours.map(([name, { type, labels }]) => [name, { type, labels: [...labels] }])),
    );
    expect(documented.size).toBe(rows.length);
  });

  const documents = ['.', 'docs', 'docs/adr', 'client', 'service'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  );

  it.each(documents)('%s names no metric that is not exported', (path) => {
    const named = [...read(path).matchAll(/\bws_(?:bridge|gatekeeper)_\w+/g)].map(([name]) => name);
    expect(named.filter((name) => metricOf(name) === undefined && !exported.has(name))).toEqual([]);
  });
});
