import { Command } from 'commander';
import { WebSocket } from 'ws';
import type { DataFrame } from '../protocol/frames';
import { DEFAULT_GATEWAY_PORT, DEFAULT_TOKEN_TTL_SECONDS, DEV_JWT_SECRET } from './defaults';
import { issueToken } from './issue-token';
import { webSocketUrl } from '../sidecar/bin/command-options';
import { routeUrl } from '../sidecar/doctor/route-url';
import { endWithReader } from '../stdio/closed-output';
import { pastedToken } from '../stdio/pasted-token';
import { visible, visibleLines } from '../stdio/visible';

interface Flags {
  readonly url: URL;
  readonly token?: string;
}

endWithReader();

const gatewayPort = process.env['GATEWAY_PORT'] ?? String(DEFAULT_GATEWAY_PORT);
const command = new Command('chat')
  .description('Asks one question through the gateway, and prints the answer as its tokens come.')
  .argument('<question>')
  .option('--url <url>', 'the gateway', webSocketUrl, new URL(`ws://127.0.0.1:${gatewayPort}`))
  .option('--token <jwt>', 'who asks; a token for acme/u1 signed with JWT_SECRET when left out')
  .parse();

void chat(command.args[0] ?? '', command.opts<Flags>());

async function chat(question: string, { url, token }: Flags): Promise<void> {
  const bearer = token === undefined ? await ownToken() : pastedToken(token);
  const socket = new WebSocket(routeUrl(url, '/ws/ai/chat'), {
    headers: { Authorization: `Bearer ${bearer}` },
  });
  socket.on('open', () => {
    socket.send(JSON.stringify({ type: 'message', data: { text: question } }));
  });
  socket.on('message', (data: Buffer) => {
    print(JSON.parse(data.toString('utf8')) as DataFrame, socket);
  });
  socket.on('unexpected-response', (_, response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    response.on('end', () => {
      fail(`refused: ${response.statusCode ?? 0} ${response.statusMessage ?? ''} ${body}`);
    });
  });
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    fail(
      cause.code === 'ECONNREFUSED' ? `nothing listens at ${url.href}: is npm start running?` : cause.message,
    );
  });
  socket.on('close', (code) => {
    if (code !== 1000) fail(`the connection closed with code ${code}`);
  });
}

function print(frame: DataFrame, socket: WebSocket): void {
  if (frame.type === 'token') process.stdout.write(visibleLines(frame.data.token));
  if (frame.type === 'error') fail(`${frame.data.code}: ${frame.data.message}`);
  if (frame.type === 'token') return;
  if (frame.type === 'complete') process.stdout.write(`\n${visibleLines(frame.data.sql ?? '')}\n`);
  socket.close(1000);
}

function ownToken(): Promise<string> {
  const secret = process.env['JWT_SECRET'] ?? DEV_JWT_SECRET;
  const whom = { tenant: 'acme', user: 'u1', roles: [], ttlSeconds: DEFAULT_TOKEN_TTL_SECONDS };
  return issueToken(whom, secret, Math.floor(Date.now() / 1000));
}

/** Says the first reason; what follows from it is not worth a line. */
function fail(message: string): void {
  if (process.exitCode === 1) return;
  console.error(visible(message));
  process.exitCode = 1;
}
