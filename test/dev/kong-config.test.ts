import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { demoKongConfig } from '../../dev/kong-config';

const ROOT = join(__dirname, '../..');

interface Config {
  readonly services: readonly {
    readonly plugins?: readonly {
      readonly name: string;
      readonly config: { readonly redis?: Readonly<Record<string, unknown>> };
    }[];
  }[];
}

function gatekeepers(prefix: string) {
  const { services } = parse(demoKongConfig(ROOT, prefix)) as Config;
  const plugins = services.flatMap((service) => service.plugins ?? []);
  return plugins.filter(({ name }) => name === 'ws-gatekeeper').map(({ config }) => config.redis);
}

describe('the configuration of npm start', () => {
  it('is that of kong.yml, and gives the gatekeeper the prefix that the bridge has', () => {
    const url = '{vault://env/redis-url}';
    expect(gatekeepers('')).toEqual([{ url }]);
    expect(gatekeepers('staging:')).toEqual([{ url, prefix: 'staging:' }]);
  });
});
