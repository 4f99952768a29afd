import { describe, expect, it } from '@jest/globals';
import { parseDeclaration } from '../../kong-stand-in/declarative/file';
import type { DeclaredPlugin } from '../../kong-stand-in/declarative/entities';
import { pluginConfig, withKongMembers } from '../../kong-stand-in/plugin-config/config';
import type { FieldSchema } from '../../kong-stand-in/plugin-config/field-schema';
import { luaPattern } from '../../kong-stand-in/plugin-config/lua-pattern';
import { parseDump } from '../../kong-stand-in/plugin-config/plugin-dump';
import { environmentVault } from '../../kong-stand-in/plugin-config/vault';
import { readDump } from './recording';

const SCHEMA = {
  type: 'record',
  fields: [
    { limit: { type: 'integer', default: 60, between: [1, 1000] } },
    { ratio: { type: 'number', gt: 0 } },
    { secret: { type: 'string', referenceable: true, len_min: 32 } },
    { label: { type: 'string', match: '^%l[%w_-]*$' } },
    { mode: { type: 'string', one_of: ['local', 'redis'], default: 'local' } },
    { strict: { type: 'boolean', required: true, default: true } },
    { roles: { type: 'set', elements: { type: 'string' }, default: ['user'] } },
    { keys: { type: 'array', elements: { type: 'string', referenceable: true } } },
    { names: { type: 'map', keys: { type: 'string' }, values: { type: 'string', referenceable: true } } },
    {
      redis: {
        type: 'record',
        required: true,
        fields: [
          { url: { type: 'string', referenceable: true } },
          { timeout: { type: 'integer', default: 1000 } },
        ],
      },
    },
    { optional: { type: 'record', fields: [{ inner: { type: 'integer', default: 1 } }] } },
  ],
} as const satisfies FieldSchema;

const vault = environmentVault({ SOME_NAME: 'from the environment' }, () => undefined);

const PROTOCOLS: FieldSchema = { type: 'set', elements: { type: 'string', one_of: ['http', 'https'] } };

/** Not given, or not there. */
const absent = undefined;
const withDefault = { a: { type: 'string', default: 'A' } };
const plain = { b: { type: 'string' } };
const record = (...fields: object[]) => ({ type: 'record', fields });
const notRequired = (...fields: object[]) => ({ ...record(...fields), required: false });
const list = (elements: object) => ({ type: 'array', elements });
const map = (values: object) => ({ type: 'map', keys: { type: 'string' }, values });

function configure(
  config: Record<string, unknown>,
  schema: FieldSchema = SCHEMA,
  resolve = vault,
  protocols?: readonly string[],
) {
  const declared = { name: 'gate', at: 'plugins[0]', config, protocols } as unknown as DeclaredPlugin;
  const plugin = {
    ...{ Name: 'gate', Version: '1', Priority: 1, Phases: ['access'] },
    Schema: { name: 'gate', fields: [{ config: schema }, { protocols: PROTOCOLS }] },
  };
  const dump = JSON.stringify({ Protocol: 'ProtoBuf:1', Plugins: [plugin] });
  return pluginConfig(declared, parseDump(dump), resolve);
}

describe('a plugin’s configuration', () => {
  it('is refused with a protocol that the plugin does not have', () => {
    expect(() => configure({}, SCHEMA, vault, ['http', 'https'])).not.toThrow();
    expect(() => configure({}, SCHEMA, vault, ['http', 'grpc'])).toThrow(
      'plugins[0].protocols[1]: expected one of: http, https',
    );
  });

  it('needs one of several fields where another has a value', () => {
    const schema = {
      type: 'record',
      fields: [
        { kinds: { type: 'array', elements: { type: 'string' } } },
        { one: { type: 'string', referenceable: true } },
        { other: { type: 'array', elements: { type: 'string' } } },
      ],
      entity_checks: [
        {
          conditional_at_least_one_of: {
            if_field: 'kinds',
            if_match: { contains: 'a' },
            then_at_least_one_of: ['one', 'other'],
            then_err: 'a needs one of %s',
          },
        },
      ],
    } as const satisfies FieldSchema;
    expect(() => configure({ kinds: ['b', 'a'] }, schema)).toThrow("a needs one of 'one', 'other'");
    expect(() => configure({ kinds: ['a'], other: [] }, schema)).toThrow('a needs one of');
    for (const config of [{}, { kinds: ['b'] }, { kinds: ['a'], one: 'x' }, { kinds: ['a'], other: ['x'] }])
      expect(() => configure(config, schema)).not.toThrow();
  });

  it('is filled with defaults; records are made, other optionals are not there', () => {
    expect(configure({})).toEqual({
      ...{ limit: 60, mode: 'local', strict: true, roles: ['user'] },
      ...{ optional: { inner: 1 }, redis: { timeout: 1000 } },
    });
  });

  // As a native Kong 3.9.3 handed them to a plugin server.
  it.each<[what: string, field: object, given: unknown, handed: unknown]>([
    [
      'a record that nobody gave has the defaults of its fields',
      record(withDefault, plain),
      absent,
      { a: 'A' },
    ],
    ['one without defaults is empty', record(plain), absent, {}],
    ['so is one within it made', record({ inner: record(withDefault) }), absent, { inner: { a: 'A' } }],
    ['a record that says that it is not required is not there', notRequired(withDefault), absent, absent],
    ['nor when it is null', notRequired(withDefault), null, absent],
    ['one that is given is filled', notRequired({ inner: record(withDefault) }), {}, { inner: { a: 'A' } }],
    ['one not required stays away in one that is made', record({ i: notRequired(withDefault) }), absent, {}],
    [
      'a default of a record is filled in',
      { ...record(withDefault, plain), default: { b: 'B' } },
      ...([absent, { a: 'A', b: 'B' }] as const),
    ],
    ['a default of a list is not', { ...list(record(withDefault)), default: [{}] }, absent, [{}]],
    ['a list that nobody gave is not there', list(record(withDefault)), absent, absent],
    [
      'a record in a list is filled',
      list(record(withDefault, plain)),
      [{}, { b: 'B' }],
      [{ a: 'A' }, { a: 'A', b: 'B' }],
    ],
    ['a record within one in a list is not made', list(record({ inner: record(withDefault) })), [{}], [{}]],
    [
      'unless it is required',
      list(record({ inner: { ...record(withDefault), required: true } })),
      ...([[{}], [{ inner: { a: 'A' } }]] as const),
    ],
    ['nor is one in a map', map(record(withDefault, { i: record(plain) })), { k: {} }, { k: { a: 'A' } }],
    ['a null in place of a default is not there', { type: 'string', default: 'A' }, null, absent],
  ])('%s', (_, field, given, handed) => {
    const schema = { type: 'record', fields: [{ field }] } as unknown as FieldSchema;
    expect(configure(given === absent ? {} : { field: given }, schema)['field']).toEqual(handed);
  });

  it.each([
    [{ optional: null }, 'optional: required field missing'],
    [{ deep: { inner: null } }, 'deep.inner: required field missing'],
  ])('a null in place of a record is refused, %j', (config, message) => {
    const deep = record({ inner: record(withDefault) });
    const schema = { type: 'record', fields: [...SCHEMA.fields, { deep }] } as unknown as FieldSchema;
    expect(() => configure(config, schema)).toThrow(`plugins[0].config.${message}`);
  });

  it('fills a record that is given, and drops what a set has twice', () => {
    const config = configure({ optional: {}, roles: ['a', 'b', 'a'] });
    expect(config['optional']).toEqual({ inner: 1 });
    expect(config['roles']).toEqual(['a', 'b']);
  });

  it.each([
    [{ limit: 1.5 }, 'limit: expected an integer'],
    [{ limit: '60' }, 'limit: expected an integer'],
    [{ limit: 0 }, 'limit: value should be between 1 and 1000'],
    [{ ratio: 0 }, 'ratio: value must be greater than 0'],
    [{ secret: 'short' }, 'secret: length must be at least 32'],
    [{ label: '' }, 'label: length must be at least 1'],
    [{ label: '9lives' }, 'label: invalid value: 9lives'],
    [{ mode: 'cluster' }, 'mode: expected one of: local, redis'],
    [{ strict: 'yes' }, 'strict: expected a boolean'],
    [{ strict: null }, 'strict: required field missing'],
    [{ roles: 'admin' }, 'roles: expected a set'],
    [{ roles: ['a', 1] }, 'roles[1]: expected a string'],
    [{ names: ['a'] }, 'names: expected a map'],
    [{ names: { a: 1 } }, 'names.a: expected a string'],
    [{ redis: { port: 1 } }, 'redis.port: unknown field'],
    [{ redis: { timeout: 'soon' } }, 'redis.timeout: expected an integer'],
    [{ redis: null }, 'redis: required field missing'],
    [{ limits: 1 }, 'limits: unknown field'],
  ])('%j is refused: %s', (config, message) => {
    expect(() => configure(config)).toThrow(`plugins[0].config.${message}`);
  });

  it('names every fault at once', () => {
    expect(() => configure({ limit: 0, mode: 'x' })).toThrow(/limit: .*\n.*mode: /);
  });

  it.each([
    [{ at_least_one_of: ['a', 'b'] }, {}, { b: '1' }, 'at least one of these fields must be non-empty'],
    [
      ...([{ only_one_of: ['a', 'b'] }, { a: '1', b: '2' }, { a: '1' }] as const),
      'exactly one of these fields must be non-empty',
    ],
    [{ mutually_required: ['a', 'b'] }, { a: '1' }, {}, 'all or none of these fields must be set'],
    [
      ...([{ mutually_exclusive: ['a', 'b'] }, { a: '1', b: '2' }, {}] as const),
      'only one or none of these fields must be set',
    ],
    [
      ...([{ distinct: ['a', 'b'] }, { a: '1', b: '1' }, { a: '1', b: '2' }] as const),
      'values of these fields must be distinct',
    ],
    [
      {
        conditional: {
          ...{ if_field: 'a', if_match: { eq: 'redis' } },
          ...{ then_field: 'b', then_match: { required: true } },
        },
      },
      { a: 'redis' },
      { a: 'local' },
      "failed conditional validation given value of field 'a'",
    ],
  ])('the entity check %j refuses %j and takes %j', (check, bad, good, message) => {
    const fields = [{ a: { type: 'string' } }, { b: { type: 'string' } }] as const;
    const schema: FieldSchema = { type: 'record', fields, entity_checks: [check] };
    expect(() => configure(bad, schema)).toThrow(message);
    expect(() => configure(good, schema)).not.toThrow();
  });

  it('does not run an entity check over an unresolved reference', () => {
    const fields = [{ a: { type: 'string', referenceable: true } }, { b: { type: 'string' } }] as const;
    const schema: FieldSchema = { type: 'record', fields, entity_checks: [{ only_one_of: ['a', 'b'] }] };
    expect(() => configure({ a: '{vault://env/x}', b: 'y' }, schema)).not.toThrow();
  });
});

describe('a reference to a secret', () => {
  it('is resolved where the schema says referenceable, however deep, unchecked by the field’s limits', () => {
    const reference = '{vault://env/some-name}';
    const config = configure({
      ...{ secret: reference, keys: ['a', reference], names: { x: reference } },
      redis: { url: reference },
    });
    expect(config).toMatchObject({
      secret: 'from the environment',
      keys: ['a', 'from the environment'],
      names: { x: 'from the environment' },
      redis: { url: 'from the environment' },
    });
  });

  it('stays as it is where the schema does not say so', () => {
    const fields = [{ plain: { type: 'string' } }] as const;
    const config = configure({ plain: '{vault://env/some-name}' }, { type: 'record', fields });
    expect(config['plain']).toBe('{vault://env/some-name}');
  });

  it('becomes the empty string with a warning when the environment has nothing', () => {
    const log: string[] = [];
    const resolve = environmentVault({}, (level, message) => log.push(`${level}: ${message}`));
    expect(configure({ secret: '{vault://env/missing}' }, SCHEMA, resolve)['secret']).toBe('');
    expect(log).toEqual(['warn: unable to resolve reference {vault://env/missing}']);
  });

  it.each([
    ['{vault://env/some-name}', { SOME_NAME: 'v' }, 'v'],
    ['{vault://env/name?prefix=some-}', { SOME_NAME: 'v' }, 'v'],
    ['{vault://env/db/password}', { DB: '{"password":"p"}' }, 'p'],
    ['{vault://env/db/absent}', { DB: '{"password":"p"}' }, ''],
    ['{vault://aws/some-name}', { SOME_NAME: 'v' }, ''],
  ])('%s in %j is %j', (reference, env, value) => {
    expect(environmentVault(env, () => undefined)(reference)).toBe(value);
  });
});

describe('a schema that Kong would not take', () => {
  it.each([
    [{ type: 'text' }, 'type'],
    [{ type: 'string', description: 'short' }, 'description'],
    [{ type: 'string', requierd: true }, 'requierd'],
    [{ type: 'array' }, 'elements'],
  ])('%j', (field, word) => {
    const schema = { type: 'record', fields: [{ a: field }] } as unknown as FieldSchema;
    expect(() => configure({}, schema)).toThrow(new RegExp(`schema of plugin 'gate' is invalid[^]*${word}`));
  });
});

describe('a plugin’s dump', () => {
  it('is ProtoBuf when it says so, and its first plugin counts', () => {
    const [plugin] = readDump();
    const other = { ...(plugin as object), Name: 'other' };
    const dump = JSON.stringify({ Protocol: 'ProtoBuf:1', Plugins: [plugin, other] });
    expect(parseDump(dump)).toMatchObject({ protocol: 'ProtoBuf:1', name: 'tenant-gate', priority: 1005 });
  });

  it('is MsgPack when it is a bare array, as the stock server’s was recorded', () => {
    expect(parseDump(JSON.stringify(readDump()))).toMatchObject({
      protocol: 'MsgPack:1',
      phases: ['access'],
    });
  });

  it.each([
    ['no JSON', 'failed decoding plugin info'],
    ['{"Plugins":[]}', 'not a plugin info table'],
    ['{"Protocol":"JSON:1","Plugins":[]}', 'unknown protocol implementation: "JSON:1"'],
  ])('%s is refused', (text, message) => {
    expect(() => parseDump(text)).toThrow(message);
  });

  it('must be of the plugin that the configuration names', () => {
    const config = { _format_version: '3.0', plugins: [{ name: 'jwt' }] };
    const [jwt] = parseDeclaration(JSON.stringify(config), 0).plugins;
    if (jwt === undefined) throw new Error('no plugin was read');
    expect(() => pluginConfig(jwt, parseDump(JSON.stringify(readDump())), vault)).toThrow(
      "plugins[0]: plugin 'jwt' not enabled; add it to the 'plugins' configuration property",
    );
  });
});

it('a configuration has the ids and keys that Kong gives it', () => {
  const service = { name: 'up', url: 'http://up', plugins: [{ name: 'tenant-gate' }] };
  const file = JSON.stringify({ _format_version: '3.0', services: [service] });
  const [declared] = parseDeclaration(file, 0).plugins;
  if (declared === undefined) throw new Error('no plugin was read');
  // As recorded from a real Kong: msgpack/02.
  expect(withKongMembers({ prefix: 'T-' }, declared, 2)).toEqual({
    prefix: 'T-',
    service_id: 'dea4c45f-3d88-5461-8ebd-05ae5bbbf87a',
    __plugin_id: 'e6c45456-d264-50e0-b395-c11a04d90e40',
    __ws_id: '0dc6f45b-8f8d-40d2-a504-473544ee190b',
    __key__:
      'plugins:tenant-gate::dea4c45f-3d88-5461-8ebd-05ae5bbbf87a:::0dc6f45b-8f8d-40d2-a504-473544ee190b',
    __seq__: 2,
  });
});

describe('a Lua pattern', () => {
  it.each([
    ['^%d+$', '2026', '20x6'],
    ['^[%a_][%w_]*$', 'a_1', '1a'],
    ['^a.-b$', 'axxb', 'axx'],
    ['^[^%s,]+$', 'word', 'two words'],
    ['%.js$', 'x.js', 'xjs'],
    ['^%u%l', 'Ab', 'ab'],
    ['^[%-x]$', '-', 'y'],
    ['^%S$', 'x', ' '],
  ])('%s matches %j and not %j', (pattern, yes, no) => {
    expect(luaPattern(pattern).test(yes)).toBe(true);
    expect(luaPattern(pattern).test(no)).toBe(false);
  });

  it.each(['%b()', '%f[a]', '[a'])('%s is not taken', (pattern) => {
    expect(() => luaPattern(pattern)).toThrow(SyntaxError);
  });
});
