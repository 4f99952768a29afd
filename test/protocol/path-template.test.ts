import { describe, expect, it } from '@jest/globals';
import {
  fitsTemplate,
  MAX_PARAM_BYTES,
  paramNames,
  paramsOf,
  parsePathTemplate,
  pathSegments,
  type PathTemplate,
} from '../../protocol/path-template';

function parsed(text: string): PathTemplate {
  const template = parsePathTemplate(text);
  if (template === undefined) throw new TypeError(`expected a template, got ${text}`);
  return template;
}

const DASHBOARD = parsed('/ws/bi/{tenant_1}/dashboards/{id}');

describe('a path template', () => {
  it('has parameters for whole segments, in their order', () => {
    expect(paramNames(DASHBOARD)).toEqual(['tenant_1', 'id']);
    expect(paramNames(parsed("/ws/a.b_c~!$&'()*+,;=:@-9"))).toEqual([]);
  });

  it.each([
    'ws/a',
    '',
    '/',
    '/ws//a',
    '/ws/',
    '/ws/x{id}',
    '/ws/{id}x',
    '/ws/{}',
    '/ws/{1}',
    '/ws/{a-b}',
    '/a b',
    '/%41',
    'x/{id}',
  ])('is not %j', (text) => {
    expect(parsePathTemplate(text)).toBeUndefined();
  });

  it.each([
    ['/ws/bi/acme/dashboards/7', true],
    ['/ws/bi//dashboards/', true],
    ['/ws/bi/acme/dashboards', false],
    ['/ws/bi/acme/dashboards/7/', false],
    ['/ws/ai/acme/dashboards/7', false],
    ['/WS/bi/acme/dashboards/7', false],
  ])('fits %s or does not: %p', (path, fits) => {
    expect(fitsTemplate(DASHBOARD, pathSegments(path) ?? [])).toBe(fits);
  });

  it.each([
    ['/ws/bi/acme/dashboards/7', { tenant_1: 'acme', id: '7' }],
    ['/ws/bi/a%2Fb/dashboards/%C3%BC%2541', { tenant_1: 'a/b', id: 'ü%41' }],
    [
      `/ws/bi/a/dashboards/${'x'.repeat(MAX_PARAM_BYTES)}`,
      { tenant_1: 'a', id: 'x'.repeat(MAX_PARAM_BYTES) },
    ],
    [`/ws/bi/a/dashboards/${'x'.repeat(MAX_PARAM_BYTES + 1)}`, 'nowhere'],
    [`/ws/bi/a/dashboards/${'%C3%BC'.repeat(MAX_PARAM_BYTES / 2)}x`, 'nowhere'],
    ['/ws/bi/a/dashboards/', 'nowhere'],
    ['/ws/bi/a/dashboards/%ff', 'malformed'],
    ['/ws/bi/a/dashboards/%', 'malformed'],
  ])('has of %s the parameters %j', (path, params) => {
    expect(paramsOf(DASHBOARD, pathSegments(path) ?? [])).toEqual(params);
  });
});

it('a path has segments where it begins with a slash', () => {
  expect([pathSegments('/a/b'), pathSegments('/'), pathSegments('a/b'), pathSegments('')]).toEqual([
    ['a', 'b'],
    [''],
    undefined,
    undefined,
  ]);
});
