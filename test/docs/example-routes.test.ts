import { join } from 'node:path';
import { builtInRoutesFile, parseRoutes, readRoutesFile } from '../../sidecar/routes/file';

/** Each differs from the built-in table in these members of a route alone, which it is for. */
const EXAMPLES: readonly (readonly [file: string, own: Readonly<Record<string, readonly string[]>>])[] = [
  ['docs/examples/owned-sessions.json', { 'ai-chat': ['channels'] }],
  ['examples/matih/routes.json', { dashboard: ['channels', 'sharedChannels', 'initial'] }],
];

describe.each(EXAMPLES)('the routes file %s', (file, own) => {
  it('has all of the built-in table but what it is for: a routes file replaces the whole of it', () => {
    const routes = readRoutesFile(join(__dirname, '../..', file));
    const without = ({ name, ...members }: { readonly name: string }): object =>
      Object.fromEntries(Object.entries(members).filter(([member]) => !own[name]?.includes(member)));
    expect(routes.map(without)).toEqual(parseRoutes('built-in', builtInRoutesFile()).map(without));
  });
});
