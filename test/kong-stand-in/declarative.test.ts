import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDeclaration } from '../../kong-stand-in/declarative/file';
import { createRouter } from '../../kong-stand-in/http/router';
import { escapePath, normalizePath } from '../../kong-stand-in/lib/uri';
import { SERVICE } from './fixture';

const declare = (members: object) =>
  parseDeclaration(JSON.stringify({ _format_version: '3.0', ...members }), 7);

describe('kong.yml', () => {
  it('the repository’s own is read', () => {
    const text = readFileSync(join(__dirname, '../../kong.yml'), 'utf8');
    const { services, routes, plugins } = parseDeclaration(text, 0);
    expect(services[0]).toMatchObject({ host: 'ws-bridge', port: 8080, retries: 2 });
    expect(routes).toHaveLength(5);
    expect(plugins[0]).toMatchObject({ name: 'ws-gatekeeper', serviceId: services[0]?.id });
  });

  it('fills Kong’s defaults', () => {
    const { services, routes } = declare({ services: [{ ...SERVICE, routes: [{ paths: ['/'] }] }] });
    expect(services[0]).toMatchObject({
      ...{ protocol: 'http', host: '127.0.0.1', port: 19080, path: null, retries: 5, enabled: true },
      ...{ connect_timeout: 60_000, read_timeout: 60_000, write_timeout: 60_000, created_at: 7 },
    });
    expect(routes[0]).toMatchObject({
      ...{ strip_path: true, preserve_host: false, protocols: ['http', 'https'], methods: null },
      service: { id: services[0]?.id },
    });
  });

  it('a consumer has the id that Kong makes of its username, unless it has one', () => {
    const { consumers } = declare({
      consumers: [
        { username: 'acme', custom_id: 'c1' },
        { id: 'b', username: 'b' },
      ],
    });
    // As a real Kong 3.9.3 says in its log.
    expect(consumers).toMatchObject([
      { id: '5fd13671-c5c4-56df-9b22-e5e826685754', username: 'acme', custom_id: 'c1', tags: null },
      { id: 'b', username: 'b', custom_id: null },
    ]);
  });

  it.each([
    ['http://h', 80, null],
    ['https://h', 443, null],
    ['http://h:81/base/', 81, '/base/'],
  ])('the url %s is port %d and path %j', (url, port, path) => {
    const { services } = declare({ services: [{ name: 's', url }] });
    expect(services[0]).toMatchObject({ host: 'h', port, path });
  });

  it.each([
    [{ servises: [] }, 'top level: the stand-in gateway does not know "servises"'],
    [{ upstreams: [] }, 'top level: the stand-in gateway does not know "upstreams"'],
    [{ consumers: [{}] }, 'consumers[0]: at least one of these fields must be non-empty'],
    [{ consumers: [{ username: 'a', acls: [] }] }, 'consumers[0]: the stand-in gateway does not know "acls"'],
    [{ consumers: [{ username: 'a' }, { username: 'a' }] }, 'consumers[1]: uniqueness violation'],
    [{ _format_version: '9' }, '_format_version: '],
    [{ services: [{ name: 's' }] }, 'services[0].host: required field missing'],
    [{ services: [{ ...SERVICE, read_timeout: 0 }] }, 'services[0].read_timeout: '],
    [{ services: [{ ...SERVICE, url: 'ws://h' }] }, 'services[0].url: '],
    [
      { services: [{ ...SERVICE, routes: [{ name: 'r' }] }] },
      "services[0].routes[0]: must set one of 'methods'",
    ],
    [{ routes: [{ paths: ['ws'] }] }, 'routes[0].paths[0]: should start with: /'],
    [{ routes: [{ paths: ['/'], service: 'gone' }] }, 'routes[0].service: invalid reference: "gone"'],
    [{ plugins: [{ name: 'a' }, { name: 'a' }] }, 'plugins[1]: uniqueness violation'],
  ])('%j is refused: %s', (members, message) => {
    expect(() => declare(members)).toThrow(message);
  });

  it('that is no YAML is refused', () => {
    expect(() => parseDeclaration('a: [', 0)).toThrow('expected YAML');
  });
});

describe('a route', () => {
  const routed = (routes: object[], target: string, more: object = {}, path?: string) => {
    const service = { name: 's', host: 'h', ...(path !== undefined && { path }), routes };
    const route = createRouter(declare({ services: [service] }));
    return route({ method: 'GET', host: 'a.example', target, ...more });
  };
  const named = (name: string, ...paths: string[]) => ({ name, paths });

  it.each([
    ['/ws/ai/chat', 'longer'],
    ['/ws/ai/chatter', 'longer'],
    ['/ws/ai', 'shorter'],
    ['/ws/../ws/./ai/', 'shorter'],
    ['/ws%2fai', 'all'],
    ['/%77s/ai', 'shorter'],
  ])('%s goes to the longest prefix, %s', (target, name) => {
    const routes = [named('all', '/'), named('shorter', '/ws/ai'), named('longer', '/ws/ai/chat')];
    expect(routed(routes, target)?.route.name).toBe(name);
  });

  it('with a regex comes before prefixes, the higher regex_priority first', () => {
    const regex = { ...named('regex', '~/ws/\\d+$'), regex_priority: 1 };
    const routes = [named('prefix', '/ws/long/prefix'), { ...named('low', '~/ws/') }, regex];
    expect(routed(routes, '/ws/42')?.route.name).toBe('regex');
    expect(routed(routes, '/ws/42/x')?.route.name).toBe('low');
    expect(routed(routes, '/x/ws/42')).toBeUndefined();
  });

  it('with more conditions comes first, and all of them must hold', () => {
    const host = { ...named('host', '/'), hosts: ['a.example', '*.b.example'] };
    const post = { ...named('post', '/'), methods: ['POST'] };
    const routes = [named('path', '/long/path'), host, post];
    expect(routed(routes, '/long/path')?.route.name).toBe('host');
    expect(routed(routes, '/long/path', { host: 'x.b.example' })?.route.name).toBe('host');
    expect(routed(routes, '/long/path', { host: 'c' })?.route.name).toBe('path');
    expect(routed(routes, '/', { host: 'c', method: 'POST' })?.route.name).toBe('post');
    expect(routed(routes, '/', { host: 'c' })).toBeUndefined();
  });

  // kong/router/utils.lua get_upstream_uri_v0, case by case.
  it.each([
    [true, undefined, '/ws', '/ws', '/'],
    [true, undefined, '/ws', '/ws/', '/'],
    [true, undefined, '/ws', '/ws/a', '/a'],
    [true, undefined, '/ws', '/wsa', '/a'],
    [true, '/base', '/ws', '/ws', '/base'],
    [true, '/base', '/ws', '/ws/', '/base/'],
    [true, '/base', '/ws', '/ws/a', '/base/a'],
    [true, '/base/', '/ws', '/ws', '/base'],
    [true, '/base/', '/ws/', '/ws/', '/base/'],
    [true, '/base/', '/ws', '/ws/a', '/base/a'],
    [false, '/base', '/ws', '/ws/a', '/base/ws/a'],
    [false, '/base/', '/ws', '/ws/a', '/base/ws/a'],
    [false, '/base', '/', '/', '/base'],
    [false, undefined, '/ws', '/ws/a', '/ws/a'],
  ])(
    'strip_path %j, service path %j, route path %s: %s becomes %s',
    (strip, base, path, target, expected) => {
      const routes = [{ ...named('r', path), strip_path: strip }];
      expect(routed(routes, target, {}, base)?.upstreamPath).toBe(expected);
    },
  );
});

describe('a path', () => {
  it.each([
    ['/a/./b/../c', '/a/c'],
    ['/a//b', '/a/b'],
    ['/..', '/'],
    ['/a/..', '/'],
    ['/%61%2F%2f', '/a%2F%2F'],
    ['/a%2e%2e', '/a..'],
    ['/%2e%2e/a', '/a'],
  ])('%s is normalised to %s', (path, expected) => {
    expect(normalizePath(path)).toBe(expected);
  });

  it('is escaped so that it can be sent', () => {
    expect(escapePath('/a b\u00e9"<>%20')).toBe('/a%20b%E9%22%3C%3E%20');
  });
});
