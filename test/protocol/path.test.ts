import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseDeclaration } from '../../kong-stand-in/declarative/file';
import { toText } from '../../kong-stand-in/lib/lua';
import { createRouter } from '../../kong-stand-in/http/router';
import { escapePath, normalizePath } from '../../kong-stand-in/lib/uri';
import { canonicalPath } from '../../protocol/path';
import { DEFAULT_ROUTES } from '../../sidecar/routes/route';
import { appliedLimits } from '../../plugin/store/limits';
import { compileRoutes } from '../../sidecar/routes/compile';
import { matchRoute } from '../../sidecar/routes/match';

describe('a path in its one spelling', () => {
  it.each([
    '/ws/ai/chat',
    '/ws/ai/%63hat',
    '/%77%73/%61%69/chat',
    '//ws//ai/chat',
    '/ws/./ai/chat',
    '/x/../ws/ai/chat',
    '/ws/ai/x/%2E%2e/chat',
    '/../ws/ai/chat',
    '/ws/ai//%2e/chat',
  ])('%s is /ws/ai/chat', (path) => {
    expect(canonicalPath(path)).toBe('/ws/ai/chat');
  });

  it.each([
    ['/', '/'],
    ['', ''],
    ['/a/', '/a/'],
    ['/a/.', '/a/'],
    ['/a/b/..', '/a/'],
    ['/..', '/'],
    ['/%zz', '/%zz'],
    ['/%', '/%'],
    ['/a%2f..%2Fb', '/a%2F..%2Fb'],
    ['/%2E%2E%2Fdoc', '/..%2Fdoc'],
    ['/a%252Fb', '/a%252Fb'],
    ['/%c3%bc', '/%C3%BC'],
    ['/ü', '/%C3%BC'],
    ['/\n\0', '/%0A%00'],
    ['/a b"<>\\^`{|}', '/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D'],
    ["/!*'();:@&=+$,?#[]", "/!*'();:@&=+$,?#[]"],
    ['/%21%2a%27%28%29%3b%3A%40', '/%21%2A%27%28%29%3B%3A%40'],
    ['/a...b/.c/..d', '/a...b/.c/..d'],
  ])('%j is %j', (path, spelt) => {
    expect(canonicalPath(path)).toBe(spelt);
  });
});

const BRIDGE = compileRoutes(DEFAULT_ROUTES);
const PREFIXES = ['/ws/ai/chat', '/ws/bi/dashboards/', '/ws/notifications', '/ws/collaboration/'] as const;

const route = createRouter(parseDeclaration(readFileSync('kong.yml', 'utf8'), 0));

/** The path as Kong tells it to its plugins, and as it sends it upstream, for a path that it routes. */
function throughKong(path: string): { readonly told: string; readonly sent: string } | undefined {
  const match = route({ method: 'GET', host: 'localhost', target: path });
  return match && { told: toText(normalizePath(path)), sent: escapePath(match.upstreamPath) };
}

/** Spells each character as it is or escaped, in either case, as the choices say. */
function spell(text: string, choices: readonly number[]): string {
  return Array.from(text, (char, index) => {
    const hex = [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const choice = choices[index % choices.length] ?? 0;
    if (choice < 3 && /[!-~]/.test(char) && !'%?#'.includes(char)) return char;
    return choice % 2 === 0 ? hex : hex.toUpperCase();
  }).join('');
}

const id = fc.oneof(
  fc.constantFrom('doc', '../doc', 'a/../../doc', '..', '.', '//x', 'a%2Fb', '%', 'ü😀', 'a?b#c', 'a b\\c'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }).filter((text) => text.isWellFormed()),
);
const fixed = fc.constantFrom('ws/ai/chat', 'ws/bi/dashboards', 'ws/notifications', 'ws/collaboration', 'ws');
const detours = fc.array(fc.constantFrom('/', '/', '/./', '/%2e/', '/x/../', '/x/%2E%2e/', '//'), {
  minLength: 6,
  maxLength: 6,
});
const choices = fc.array(fc.nat(4), { minLength: 13, maxLength: 13 });
const path = fc
  .tuple(fixed, fc.array(id, { maxLength: 2 }), detours, choices, fc.constantFrom('', '/'))
  .map(([literals, ids, between, chosen, end]) => {
    const segments = [...literals.split('/'), ...ids].map((segment, index) =>
      spell(segment, chosen.slice(index)),
    );
    return segments.map((segment, index) => `${between[index] ?? '/'}${segment}`).join('') + end;
  });

describe('what Kong, the gatekeeper and the bridge read of a path', () => {
  it('is what Kong sends upstream, for every spelling', () => {
    fc.assert(
      fc.property(path, (spelled) => {
        expect(canonicalPath(spelled)).toBe(escapePath(normalizePath(spelled)));
      }),
      { numRuns: 1000 },
    );
  });

  it('is the same of the path that the gatekeeper is told and of the one that the bridge gets', () => {
    fc.assert(
      fc.property(path, (spelled) => {
        const seen = throughKong(spelled);
        fc.pre(seen !== undefined);
        expect(canonicalPath(seen.told)).toBe(seen.sent);
        expect(canonicalPath(seen.sent)).toBe(seen.sent);
      }),
      { numRuns: 1000 },
    );
  });

  it('limits by its path whatever the bridge serves on it, and nothing else', () => {
    let served = 0;
    fc.assert(
      fc.property(path, (spelled) => {
        const seen = throughKong(spelled);
        fc.pre(seen !== undefined);
        const match = matchRoute(BRIDGE, seen.sent);
        fc.pre(match.kind === 'route');
        served += 1;
        const template = DEFAULT_ROUTES.find(({ name }) => name === match.route.name)?.path ?? '';
        expect(PREFIXES.filter((prefix) => counts(prefix, seen.told))).toEqual(
          PREFIXES.filter((prefix) => template.startsWith(prefix)),
        );
      }),
      { numRuns: 1000 },
    );
    expect(served).toBeGreaterThan(200);
  });
});

function counts(prefix: string, told: string): boolean {
  const rate = { limit: 1, windowSeconds: 1, burst: 0 };
  const subject = { tenantId: 't', userId: 'u', tier: undefined, routeId: undefined, ip: undefined };
  const limit = { by: 'tenant', rate, paths: [prefix], tiers: new Map() } as const;
  return appliedLimits([limit], { ...subject, path: canonicalPath(told) }, '').length > 0;
}
