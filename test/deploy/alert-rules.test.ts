import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ALERT_CASES, decisions, type Series } from './alert-cases';
import { ROOT, yamlFile } from './manifests';

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly annotations: { readonly runbook_url: string };
    }[];
  }[];
}

const RULES = join(ROOT, 'deploy/prometheus/alerts.yml');
/** Later than every alert's `for`. */
const LATE = '45m';
const rules = (yamlFile('deploy/prometheus/alerts.yml') as Rules).groups.flatMap((group) => group.rules);

const isThere = spawnSync('promtool', ['--version']).status === 0;
const describeWithPromtool = isThere ? describe : describe.skip;
const title = isThere
  ? 'an alert, as promtool evaluates it'
  : 'an alert, as promtool evaluates it (skipped: promtool is not on PATH; Debian has it in its package prometheus)';

it('each alert has a case in which it fires and one in which it does not', () => {
  expect(Object.keys(ALERT_CASES).sort()).toEqual(rules.map(({ alert }) => alert).sort());
});

describeWithPromtool(title, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'alerts-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** promtool's complaints about unit tests of the rules; empty when they pass. */
  function faultsOf(tests: readonly object[]): string {
    const file = join(folder, 'tests.yml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ rule_files: [RULES], evaluation_interval: '1m', tests }));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    return status === 0 ? '' : `${stdout}${stderr}`;
  }

  const inputOf = (series: Series) => ({
    interval: '15s',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  });
  const firing = (alert: string, count?: number) => ({
    expr: `count(count by (alertname) (ALERTS{alertname="${alert}",alertstate="firing"}))`,
    eval_time: LATE,
    exp_samples: count === undefined ? [] : [{ labels: '{}', value: count }],
  });

  it('can be loaded', () => {
    const { status, stdout } = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' });
    expect({ status, stdout }).toMatchObject({ status: 0 });
  });

  it('fires when something is wrong for long, and stays silent when it is not', () => {
    const tests = Object.entries(ALERT_CASES).flatMap(([alert, { broken, well }]) => [
      { ...inputOf(broken), promql_expr_test: [firing(alert, 1)] },
      { ...inputOf(well), promql_expr_test: [firing(alert)] },
    ]);
    expect(faultsOf(tests)).toBe('');
  }, 60_000);

  it('takes a gatekeeper to fail by the share of its decisions that time out, and not for a moment of them', () => {
    const cases: readonly [timeouts: string, admitted: string, fires: boolean][] = [
      // One in fifty of 10 a second, one in a thousand, and a hundred at once.
      ['0+3x240', '0+147x240', true],
      ['0+0.15x240', '0+150x240', false],
      ['0x167 100x72', '0+150x240', false],
    ];
    const tests = cases.map(([timeouts, admitted, fires]) => ({
      ...inputOf({ ...decisions('timeout', timeouts), ...decisions('admitted', admitted) }),
      promql_expr_test: [firing('GatekeeperFailing', fires ? 1 : undefined)],
    }));
    expect(faultsOf(tests)).toBe('');
  });

  it('names the tenant that is limited, and not before it was for half an hour', () => {
    const exp_alerts = [
      {
        exp_labels: { severity: 'warning', tenant: 'acme' },
        exp_annotations: {
          summary: 'A tenant is limited for long',
          description: '1 upgrades a second of the tenant "acme" have got 429 for half an hour.',
          runbook_url: rules.find(({ alert }) => alert === 'GatekeeperTenantLimited')?.annotations
            .runbook_url,
        },
      },
    ];
    const at = (eval_time: string, expected: readonly object[]) => ({
      eval_time,
      alertname: 'GatekeeperTenantLimited',
      exp_alerts: expected,
    });
    const series = inputOf(ALERT_CASES['GatekeeperTenantLimited']?.broken ?? {});
    const fault = faultsOf([{ ...series, alert_rule_test: [at('25m', []), at(LATE, exp_alerts)] }]);
    expect(fault).toBe('');
  });
});
