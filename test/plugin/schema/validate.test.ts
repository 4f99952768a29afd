import { describe, expect, it } from '@jest/globals';
import { withDefaults as kongsDefaults } from '../../../kong-stand-in/plugin-config/defaults';
import type { ConfigValue } from '../../../kong-stand-in/plugin-config/field-schema';
import { configFaults } from '../../../kong-stand-in/plugin-config/validate';
import { parseDump } from '../../../kong-stand-in/plugin-config/plugin-dump';
import { SCHEMA } from '../../../plugin/schema';
import { withDefaults } from '../../../plugin/schema/defaults';
import { schemaFaults } from '../../../plugin/schema/validate';
import { pluginInfo } from '../../../plugin/server/plugin-info';

const { config: kongs } = parseDump(JSON.stringify(pluginInfo()));
const limit = { limit: 1 };

/**
 * The fields that each finds at fault. The gatekeeper finds the faults of Kong's patterns and checks over several fields
 * when it parses: refusals.test.ts holds those.
 */
function bothOf(given: Readonly<Record<string, ConfigValue>>): readonly [string[], string[]] {
  const ours = schemaFaults(SCHEMA, withDefaults(SCHEMA, given)).map((fault) => fault.split(': ')[0] ?? '');
  const theirs = configFaults(bounds(kongs), kongsDefaults(kongs, given), 'config').map(({ path }) => path);
  return [ours, theirs];
}

/** A schema without its patterns and its checks over several fields. */
function bounds<T>(schema: T): T {
  const left = new Set(['match', 'match_any', 'match_none', 'entity_checks', 'err']);
  return JSON.parse(
    JSON.stringify(schema, (name, value: unknown) => (left.has(name) ? undefined : value)),
  ) as T;
}

/** Values that are wrong, and some that are not, for any field. */
const VALUES: readonly ConfigValue[] = [
  null,
  '',
  'x',
  '{vault://env/x}',
  -1,
  0,
  1,
  1.5,
  10 ** 9,
  true,
  [],
  [''],
  [1],
  ['x', null],
  {},
  { x: 1 },
  { '': { limit: 1 }, gold: { limit: 0 } },
];

describe('what the schema refuses', () => {
  it('is what Kong refuses, for every field and any kind of value', () => {
    const names = SCHEMA.flatMap((field) => Object.keys(field));
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) {
      for (const value of VALUES) {
        if (isRecordWithUnknownFields(name, value)) continue;
        const [ours, theirs] = bothOf({ [name]: value });
        expect([name, value, ours]).toEqual([name, value, theirs]);
      }
    }
  });

  it.each<[string, ConfigValue]>([
    ['limit', 0],
    ['limit', 1_000_001],
    ['window_size', 'long'],
    ['burst', -1],
    ['by', 'planet'],
    ['paths', ['']],
    ['tiers', { '': limit }],
    ['tiers', { gold: { limit: 0 } }],
    ['tiers', { gold: null }],
    ['limit', null],
  ])('is what Kong refuses inside a list: %s as %j', (name, value) => {
    const [ours, theirs] = bothOf({ rate_limits: [limit, { ...limit, [name]: value }] });
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(1);
  });

  it('is nothing of the defaults with a limit', () => {
    expect(schemaFaults(SCHEMA, withDefaults(SCHEMA, { rate_limits: [limit] }))).toEqual([]);
  });

  /** withDefaults refuses those itself. */
  function isRecordWithUnknownFields(name: string, value: ConfigValue): boolean {
    const rule = SCHEMA.find((field) => name in field)?.[name];
    return (
      rule?.type === 'record' && typeof value === 'object' && value !== null && Object.keys(value).length > 0
    );
  }
});
