#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { pino } from 'pino';
import { createBridge } from '../bridge';
import { parseSettings, SETTING_ROWS } from '../settings';

const program = new Command('ws-bridge')
  .description('Verifies what the gateway vouches for, and carries messages between WebSockets and Redis.')
  .version(packageVersion())
  .addHelpText('after', settingsHelp())
  .action(run);

program.parseAsync().catch((error: unknown) => {
  // Which variable, file or port it is stands in the message; a stack would only hide it.
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`ws-bridge: ${message}\n`);
  process.exit(1);
});

async function run(): Promise<void> {
  const settings = parseSettings(process.env);
  const log = pino({ level: settings.logLevel, base: { name: 'ws-bridge' } });
  const bridge = createBridge(settings, { log });
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'closing');
    const ended = signal === 'SIGTERM' ? bridge.drain() : bridge.close();
    void ended.then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await bridge.start();
}

function settingsHelp(): string {
  const rows = SETTING_ROWS.map(({ name, default: fallback, unit, description }) => {
    const value = fallback === undefined ? '' : ` [${fallback}${unit === undefined ? '' : ` ${unit}`}]`;
    return `  ${name}${value}\n      ${description}`;
  });
  return `\nEnvironment:\n${rows.join('\n')}`;
}

/** This file runs as dist/sidecar/bin/ws-bridge.js; a container may be given dist alone. */
function packageVersion(): string {
  try {
    const text = readFileSync(join(__dirname, '..', '..', '..', 'package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}
