import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { pathConfig } from '../../../bench/path/kong-config';
import { parseDeclaration } from '../../../kong-stand-in/declarative/file';

const SHIPPED = readFileSync(join(__dirname, '../../../kong.yml'), 'utf8');

interface Shape {
  services: { url: string; routes: unknown; plugins: { config: Record<string, unknown> }[] }[];
}

test('the shipped configuration is measured, but for where the bridge is and how many a tenant may open', () => {
  const [before] = (parse(SHIPPED) as Shape).services;
  const [after] = (parse(pathConfig(SHIPPED, { upstream: 12_345, redis: 1 })) as Shape).services;
  expect(after?.url).toBe('http://127.0.0.1:12345');
  expect(after?.plugins[0]?.config['rate_limits']).not.toEqual(before?.plugins[0]?.config['rate_limits']);
  for (const service of [before, after]) {
    delete service?.plugins[0]?.config['rate_limits'];
    Object.assign(service ?? {}, { url: '' });
  }
  expect(after).toEqual(before);
});

test('a gateway starts with it', () => {
  expect(parseDeclaration(pathConfig(SHIPPED, { upstream: 12_345, redis: 1 }), 0).plugins).toHaveLength(1);
});

test('a configuration without a plugin is refused', () => {
  expect(() => pathConfig('services: []', { upstream: 1, redis: 1 })).toThrow('no service with a plugin');
});
