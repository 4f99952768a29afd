import { join } from 'node:path';
import { channelName } from '../../sidecar/routes/channel-template';
import { readRoutesFile } from '../../sidecar/routes/file';
import { DEFAULT_ROUTES } from '../../sidecar/routes/route';

const FILE = join(__dirname, '../../docs/examples/owned-sessions.json');

describe('the routes file whose sessions carry their owner', () => {
  it('has the built-in routes, and another tenant never has the channel of a session', () => {
    const routes = readRoutesFile(FILE);
    expect(routes.map(({ name }) => name)).toEqual(DEFAULT_ROUTES.map(({ name }) => name));
    const [template] = routes[0]?.channels ?? [];
    if (template === undefined) throw new Error('expected a channel');
    const names = ['acme', 'evil', 'acme:s1', 'acme%3As1'].map((tenant) =>
      channelName(template, { tenant, user: 'u', session: 's1' }),
    );
    expect(names[0]).toBe('ai:stream:acme:s1');
    expect(new Set(names).size).toBe(names.length);
  });
});
