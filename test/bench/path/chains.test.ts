import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CHAINS } from '../../../bench/path/chains';

const SHIPPED = readFileSync(join(__dirname, '../../../kong.yml'), 'utf8');
const PORTS = { upstream: 12_345, redis: 6_380 };

interface Shape {
  services: { url: string; plugins: { name: string; config: { redis?: unknown } }[] }[];
}

const chains = CHAINS.map(({ config, ...chain }) => ({
  ...chain,
  kong: parse(config(SHIPPED, PORTS)) as Shape,
}));

test('all that is compared goes to the same upstream', () => {
  for (const { kong } of chains)
    expect(kong.services.map(({ url }) => url)).toEqual(['http://127.0.0.1:12345']);
});

test("Kong's own plugins do what the gatekeeper does: they verify, count in the trial's Redis and set headers", () => {
  const plugins = chains.map(({ kong }) => kong.services.flatMap((service) => service.plugins));
  expect(plugins.map((chain) => chain.map(({ name }) => name))).toEqual([
    [],
    ['jwt', 'rate-limiting', 'request-transformer'],
    ['ws-gatekeeper'],
    ['ws-gatekeeper'],
    ['ws-gatekeeper'],
    ['ws-gatekeeper'],
  ]);
  expect(plugins[1]?.[1]?.config.redis).toEqual({ host: '127.0.0.1', port: 6_380 });
});

test('the stand-in is measured by the gatekeeper alone, for it has none of the others', () => {
  expect(chains.filter(({ ofKong }) => !ofKong).map(({ name }) => name)).toEqual([
    'ws-gatekeeper, known tokens',
    'ws-gatekeeper, new tokens',
  ]);
});

test('two plugin servers decide nothing, and only a real Kong has a price for asking them', () => {
  const undecided = chains.filter((chain) => chain.undecided !== undefined);
  expect(undecided.map((chain) => [chain.undecided, chain.ofKong])).toEqual([
    ['no-calls', true],
    ['all-calls', true],
  ]);
});
