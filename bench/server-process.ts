import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

/** Where a server listens: a port of 127.0.0.1, or a Unix socket. */
export type Address = { readonly port: number } | { readonly socketPath: string };

/** A server to measure. It counts as started once it listens. */
export type ServerPlan = ServerCommand & Address;

/** How a server is run. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Takes its output, with nobody between: what a server logs is its own cost only. */
  readonly logFile: string;
}

/** Milliseconds that a server may take to start, and to end after SIGTERM. */
const START_MS = 30_000;
const STOP_MS = 3_000;
const POLL_MS = 20;

/** A server as a process of its own. */
export class ServerProcess {
  /** NaN for one on a Unix socket. */
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #logFile: string;
  readonly #killAtExit: () => void;

  private constructor({ command, args, env, logFile, ...address }: ServerPlan) {
    this.port = 'port' in address ? address.port : NaN;
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    this.#process = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#killAtExit = () => void this.#process.kill('SIGKILL');
    process.once('exit', this.#killAtExit);
  }

  /** Starts it and waits until it listens. @throws Error with what it printed when it does not */
  static async start(plan: ServerPlan): Promise<ServerProcess> {
    const server = new ServerProcess(plan);
    const failure = new Promise<never>((_, reject) => {
      server.#process.once('error', reject);
    });
    const deadline = Date.now() + START_MS;
    while (!(await Promise.race([accepts(plan), failure]))) {
      server.expectRunning();
      if (Date.now() > deadline) throw new Error(`${plan.command} did not start: ${server.#lastWords}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    // Somebody else may have had the port.
    server.expectRunning();
    return server;
  }

  /** @throws Error with the last that it printed when it has ended by itself */
  expectRunning(): void {
    if (this.#ended) throw new Error(`a server ended: ${this.#lastWords}`);
  }

  get #lastWords(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-2000);
  }

  get pid(): number {
    return this.#process.pid ?? NaN;
  }

  /** Ends it as an operator would, by force when it takes long. */
  async stop(): Promise<void> {
    process.off('exit', this.#killAtExit);
    if (this.#ended) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGINT');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  get #ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }
}

function accepts(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(
      'port' in address ? { host: '127.0.0.1', port: address.port } : { path: address.socketPath },
    );
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
