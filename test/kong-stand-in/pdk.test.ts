import { describe, expect, it } from '@jest/globals';
import { parseDeclaration } from '../../kong-stand-in/declarative/file';
import { HeaderList } from '../../kong-stand-in/lib/header-list';
import type { LuaValue } from '../../kong-stand-in/lib/lua';
import { PdkExit } from '../../kong-stand-in/pdk/call';
import { PDK } from '../../kong-stand-in/pdk/functions';
import { decode, encode } from '../../kong-stand-in/protobuf/messages';
import { unwrap, wrap } from '../../kong-stand-in/protobuf/values';
import type { GatewayRequest } from '../../kong-stand-in/http/request';
import { SERVICE } from './fixture';

const { services, routes, consumers } = parseDeclaration(
  JSON.stringify({
    _format_version: '3.0',
    services: [{ ...SERVICE, routes: [{ paths: ['/'] }] }],
    consumers: [{ username: 'acme', custom_id: 'c1' }, { username: 'bücher' }],
  }),
  7,
);

function request(
  lines: readonly (readonly [string, string])[] = [],
  target = '/a?x=1&x=2&y',
): GatewayRequest {
  const [route, service] = [routes[0], services[0]];
  if (route === undefined) throw new Error('there is no route');
  const headers = new HeaderList(lines);
  return {
    ...{ method: 'GET', target, httpVersion: '1.1', clientHeaders: headers, headers: headers.copy() },
    ...{ clientAddress: '10.0.0.1', clientPort: 999, serverPort: 8000, host: 'a.example' },
    ...{ kongRequestId: 'kong-id', nginxRequestId: 'nginx-id', route, service, shared: new Map() },
    ...{ consumers, consumer: undefined, credential: undefined },
    serializeValues: new Map(),
    clientGone: new AbortController().signal,
    ...{ upstreamPath: '/a', query: target.split('?')[1] ?? '', upstreamHost: undefined },
    responseHeaders: new HeaderList(),
  };
}

function call(on: GatewayRequest, name: string, ...args: LuaValue[]): LuaValue | PdkExit {
  const pdk = PDK[`kong.${name}`];
  if (pdk === undefined) throw new Error(`there is no kong.${name}`);
  return pdk({ request: on, log: () => undefined }, ...args);
}

// kong/pdk/request.lua, kong/tools/http.lua
describe('kong.request', () => {
  it('get_header finds a name with dashes and underscores alike, as nginx’s variables do', () => {
    const on = request([['X_Tenant_Id', 'forged']]);
    expect(call(on, 'request.get_header', 'X-Tenant-Id')).toBe('forged');
    expect(call(on, 'request.get_headers')).toEqual({ x_tenant_id: 'forged' });
  });

  it('get_header of a repeated header is its first value; a lone value may have a comma in it', () => {
    expect(
      call(
        request([
          ['X-A', '1'],
          ['x-a', '2'],
        ]),
        'request.get_header',
        'x-a',
      ),
    ).toBe('1');
    expect(call(request([['X-A', '1, 2']]), 'request.get_header', 'x-a')).toBe('1, 2');
    expect(call(request(), 'request.get_header', 'x-a')).toBeUndefined();
  });

  it('get_headers counts lines, not names', () => {
    const on = request([
      ['A', '1'],
      ['A', '2'],
      ['B', '3'],
    ]);
    expect(call(on, 'request.get_headers', 2)).toEqual({ a: ['1', '2'] });
  });

  it.each([
    ['get_query', { x: ['1', '2'], y: true }],
    ['get_raw_query', 'x=1&x=2&y'],
    ['get_path', '/a'],
    ['get_path_with_query', '/a?x=1&x=2&y'],
    ['get_scheme', 'http'],
    ['get_host', 'a.example'],
    ['get_port', 8000],
  ])('%s', (name, expected) => {
    expect(call(request(), `request.${name}`)).toEqual(expected);
  });

  it('get_query_arg: the first value, true without one, decoded', () => {
    const on = request([], '/?x=1&x=2&y&%61+b=c%20d&=nameless');
    expect(call(on, 'request.get_query_arg', 'x')).toBe('1');
    expect(call(on, 'request.get_query_arg', 'y')).toBe(true);
    expect(call(on, 'request.get_query_arg', 'a b')).toBe('c d');
    expect(Object.keys(call(on, 'request.get_query') as object)).toEqual(['x', 'y', 'a b']);
  });

  it('sees what a plugin set before', () => {
    const on = request([['X-A', '1']]);
    call(on, 'service.request.set_header', 'x-a', '2');
    expect(call(on, 'request.get_header', 'X-A')).toBe('2');
  });

  it.each([
    ['request_id', 'nginx-id'],
    ['remote_addr', '10.0.0.1'],
    ['http_x_a', '1, 2'],
    ['arg_x', '1'],
    ['no_such_variable', undefined],
  ])('kong.nginx.get_var(%j)', (name, expected) => {
    const on = request([
      ['X-A', '1'],
      ['X-A', '2'],
    ]);
    expect(call(on, 'nginx.get_var', name)).toBe(expected);
  });
});

// kong/pdk/client.lua
describe('kong.client', () => {
  const [acme, bücher] = consumers;

  it('load_consumer finds by id, and by username where that was asked for', () => {
    const found = { id: acme?.id, username: 'acme', custom_id: 'c1' };
    expect(call(request(), 'client.load_consumer', acme?.id)).toMatchObject(found);
    expect(call(request(), 'client.load_consumer', 'acme', true)).toMatchObject(found);
    expect(call(request(), 'client.load_consumer', 'b\xc3\xbccher', true)).toMatchObject({ id: bücher?.id });
    expect(call(request(), 'client.load_consumer', 'nobody', true)).toBeUndefined();
    expect(() => call(request(), 'client.load_consumer', 'acme')).toThrow('not a uuid');
  });

  it('authenticate sets both: one that is not given is cleared', () => {
    const on = request();
    call(on, 'client.authenticate', { id: 'a' }, { id: 'b', consumer_id: 'a' });
    expect(call(on, 'client.get_consumer')).toEqual({ id: 'a' });
    expect(call(on, 'client.get_credential')).toEqual({ id: 'b', consumer_id: 'a' });
    call(on, 'client.authenticate', { id: 'a' });
    expect(call(on, 'client.get_credential')).toBeUndefined();
    expect(() => call(on, 'client.authenticate')).toThrow('either credential or consumer must be provided');
    expect(() => call(on, 'client.authenticate', 'a')).toThrow('consumer must be a table or nil');
  });
});

// kong/pdk/service/request.lua, kong/pdk/private/checks.lua
describe('kong.service.request', () => {
  it('set_headers replaces every line of a name, whatever its case; an empty value becomes a space', () => {
    const on = request([
      ['X-A', '1'],
      ['x-a', '2'],
      ['X-B', '3'],
    ]);
    call(on, 'service.request.set_headers', { 'X-a': '4', 'X-C': '', 'X-D': 5, 'X-E': true });
    expect(on.headers.lines).toEqual([
      ['X-a', '4'],
      ['X-B', '3'],
      ['X-C', ' '],
      ['X-D', '5'],
      ['X-E', 'true'],
    ]);
  });

  it('set_headers sets none when one of them is wrong', () => {
    const on = request();
    expect(() => call(on, 'service.request.set_headers', { 'X-A': '1', 'X-B': ['2', 3] })).toThrow(
      'invalid header value in array "X-B": got number, expected string',
    );
    expect(on.headers.lines).toEqual([]);
  });

  it('a line feed cannot smuggle a header in', () => {
    const on = request();
    call(on, 'service.request.set_header', 'X-A', '1\r\nX-Tenant-Id: evil');
    expect(on.headers.lines).toEqual([['X-A', '1%0D%0AX-Tenant-Id: evil']]);
  });

  it('add_header keeps what is there, clear_header removes every line', () => {
    const on = request([['X-A', '1']]);
    call(on, 'service.request.add_header', 'X-A', '2');
    expect(on.headers.all('x-a')).toEqual(['1', '2']);
    call(on, 'service.request.clear_header', 'x-A');
    expect(on.headers.lines).toEqual([]);
  });

  it('set_headers with no value for one removes every line of it', () => {
    const on = request([
      ['X-A', '1'],
      ['x-a', '2'],
    ]);
    call(on, 'service.request.set_headers', { 'X-A': [], 'X-B': '3' });
    expect(on.headers.lines).toEqual([['X-B', '3']]);
  });

  it('a host header is the upstream’s host', () => {
    const on = request();
    call(on, 'service.request.set_header', 'Host', 'other');
    expect(on.upstreamHost).toBe('other');
  });

  it('set_query sorts, set_raw_query and set_path take what they get', () => {
    const on = request();
    call(on, 'service.request.set_query', { b: ['1', '2'], a: 'x y', c: true, d: false });
    expect(on.query).toBe('&a=x%20y&b=1&b=2&c');
    call(on, 'service.request.set_raw_query', 'z');
    call(on, 'service.request.set_path', '/new path');
    expect([on.query, on.upstreamPath]).toEqual(['z', '/new%20path']);
    expect(() => call(on, 'service.request.set_path', 'new')).toThrow('path must start with /');
  });
});

describe('kong.response', () => {
  it('exit carries the headers that were set before, its own over them', () => {
    const on = request();
    call(on, 'response.set_header', 'X-A', '1');
    call(on, 'response.set_headers', { 'X-B': '1', 'Transfer-Encoding': 'chunked' });
    const exit = call(on, 'response.exit', 418, { message: 'té' }, { 'X-B': '2' });
    if (!(exit instanceof PdkExit)) throw new Error('expected an exit');
    expect(exit.answer.status).toBe(418);
    expect(Object.fromEntries(exit.answer.headers.lines)).toEqual({
      ...{ 'X-A': '1', 'X-B': '2', 'Content-Type': 'application/json; charset=utf-8' },
    });
    expect(exit.answer.body.toString('latin1')).toBe('{"message":"té"}');
  });

  it.each([
    [99, undefined, undefined, 'code must be a number between 100 and 599'],
    [600, undefined, undefined, 'code must be a number between 100 and 599'],
    ['200', undefined, undefined, 'code must be a number'],
    [200, true, undefined, 'body must be a nil, string or table'],
    [200, '', 'x', 'headers must be a nil or table'],
  ])('exit(%j, %j, %j) raises: %s', (status, body, headers, message) => {
    expect(() => call(request(), 'response.exit', status, body, headers)).toThrow(message);
  });
});

// kong/runloop/plugin_servers/rpc/pb_rpc.lua
describe('values over ProtoBuf', () => {
  const struct = (value: object) =>
    unwrap('Struct', decode('Struct', encode('Struct', { fields: [{ key: Buffer.from('k'), value }] })))[0];

  it.each([
    [{ string_value: Buffer.from('') }, ''],
    [{ number_value: 0 }, 0],
    [{ bool_value: true }, true],
    [{ bool_value: false }, undefined],
    [{ null_value: 0 }, 'NULL_VALUE'],
    [{}, undefined],
    [{ list_value: { values: [{ string_value: Buffer.from('a') }] } }, ['a']],
    [{ struct_value: { fields: [] } }, {}],
  ])('%j is %j to Kong', (value, expected) => {
    expect(struct(value)).toEqual({ k: expected });
  });

  it('fields of a consumer and of a credential that were not sent have proto3’s defaults', () => {
    const args = { consumer: { username: Buffer.from('acme') }, credential: { id: Buffer.from('c') } };
    const sent = decode('AuthenticateArgs', encode('AuthenticateArgs', args));
    expect(unwrap('AuthenticateArgs', sent)).toEqual([
      { id: '', created_at: 0, username: 'acme', custom_id: '', tags: [] },
      { id: 'c', consumer_id: '' },
    ]);
    expect(unwrap('AuthenticateArgs', {})).toEqual([undefined, undefined]);
  });

  it.each([
    ['String', '', ''],
    ['String', undefined, ''],
    ['Int', 0, ''],
    ['String', 'a', '0a0161'],
    ['Value', undefined, '0801'],
    ['Value', false, '2000'],
    ['Value', '', '1a00'],
  ])('%s %j is written as lua-protobuf writes it: %j', (type, value, hex) => {
    expect(encode(type, wrap(type, value) ?? {}).toString('hex')).toBe(hex);
  });

  it('a value of another type raises, as a query argument without value does', () => {
    expect(() => wrap('String', true)).toThrow('string expected');
  });

  it('bytes that are not UTF-8 come through as they are', () => {
    const bytes = Buffer.from([0xff, 0x00, 0xc3]);
    const [text] = unwrap('String', decode('String', encode('String', { v: bytes })));
    expect(encode('String', wrap('String', text) ?? {}).subarray(2)).toEqual(bytes);
  });
});
