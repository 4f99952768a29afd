import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';

const SRC = join(__dirname, '../../client/src');
const ENTRIES = ['chat', 'ai-sdk', 'http'];

/** A page of an origin of its own, as an application's: not the gateway's. */
export interface OwnPage {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves a script of pages/ with all that it imports.
 * @param alias packages that stand in for others
 */
export async function serveOwnPage(name: string, alias: Record<string, string> = {}): Promise<OwnPage> {
  const { outputFiles } = await build({
    entryPoints: [join(__dirname, 'pages', name)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"development"' },
    alias: {
      ...Object.fromEntries(ENTRIES.map((entry) => [`ws-bridge-client/${entry}`, join(SRC, `${entry}.ts`)])),
      'ws-bridge-client': join(SRC, 'index.ts'),
      ...alias,
    },
    tsconfigRaw: {},
    logLevel: 'warning',
  });
  const script = outputFiles[0]?.text ?? '';
  const server = createServer(({ url = '/' }, response) => {
    if (url === '/page.js') response.setHeader('Content-Type', 'text/javascript').end(script);
    else
      response
        .setHeader('Content-Type', 'text/html; charset=utf-8')
        .end(
          '<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="/page.js"></script>',
        );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
