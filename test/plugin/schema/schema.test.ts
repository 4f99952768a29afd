import { describe, expect, it } from '@jest/globals';
import { CONFIG_CHECKS, SCHEMA, type FieldRule, type SchemaField } from '../../../plugin/schema';
import { pluginInfo } from '../../../plugin/server/plugin-info';

const nested = (rule: FieldRule) => rule.fields ?? rule.elements?.fields ?? rule.values?.fields ?? [];

const allFields = (fields: readonly SchemaField[], path = ''): [string, FieldRule][] =>
  fields.flatMap((field) =>
    Object.entries(field).flatMap(([name, rule]): [string, FieldRule][] => [
      [`${path}${name}`, rule],
      ...allFields(nested(rule), `${path}${name}.`),
    ]),
  );

describe('the schema', () => {
  it.each(allFields(SCHEMA))('describes %s in 10 to 500 characters, as Kong requires', (_, rule) => {
    expect(rule.description?.length).toBeGreaterThanOrEqual(10);
    expect(rule.description?.length).toBeLessThanOrEqual(500);
  });

  it.each(allFields(SCHEMA).filter(([name]) => /secret(?!s)|password|\bkey$|private_key$|url$/.test(name)))(
    'lets %s be a vault reference',
    (_, rule) => {
      expect(rule.referenceable).toBe(true);
    },
  );

  it.each(allFields(SCHEMA).filter(([name]) => name !== 'config'))(
    'gives %s a default, or a reason to be required or absent',
    (_, rule) => {
      if (rule.default !== undefined || rule.type === 'record') return;
      expect(rule.required === true ? rule.description : 'optional').toMatch(
        /^optional$|Required|key in PEM/,
      );
    },
  );

  it.each(allFields(SCHEMA).filter(([name]) => /secret(?!s)|password|private_key$|redis\.url$/.test(name)))(
    'has %s kept encrypted where Kong can',
    (_, rule) => {
      expect(rule.encrypted).toBe(true);
    },
  );

  it('writes each field as a record with one key', () => {
    for (const field of SCHEMA) expect(Object.keys(field)).toHaveLength(1);
  });
});

describe('the plugin info', () => {
  it('is what Kong reads from query_cmd: ProtoBuf:1 and one plugin', () => {
    expect(JSON.parse(JSON.stringify(pluginInfo()))).toEqual({
      Protocol: 'ProtoBuf:1',
      Plugins: [
        {
          Name: 'ws-gatekeeper',
          Version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
          Priority: 1005,
          Phases: ['access'],
          Schema: {
            name: 'ws-gatekeeper',
            fields: [
              { config: { type: 'record', fields: SCHEMA, entity_checks: CONFIG_CHECKS } },
              { consumer: { type: 'foreign', reference: 'consumers', eq: null } },
              {
                protocols: {
                  type: 'set',
                  required: true,
                  default: ['http', 'https'],
                  elements: { type: 'string', one_of: ['http', 'https'] },
                },
              },
            ],
          },
        },
      ],
    });
  });
});
