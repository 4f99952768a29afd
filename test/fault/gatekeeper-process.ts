import { join } from 'node:path';
import { KongWorker } from '../fakes/kong-worker';
import { makeOwnFolder, type OwnFolder } from '../fakes/own-folder';
import { rawConfig } from '../plugin/fixture';
import { Program, type LogEntry } from './program';

const PROGRAM = join(__dirname, '../../dist/plugin/bin/ws-gatekeeper.js');

/** A gatekeeper as it is shipped, in a process of its own. */
export class GatekeeperProcess extends Program {
  readonly #folder: OwnFolder;
  readonly #path: string;
  readonly #workers: KongWorker[] = [];
  adminPort = 0;

  private constructor(folder: OwnFolder, args: readonly string[], clockMs: number | undefined) {
    const path = join(folder.path, 'gk.sock');
    super(PROGRAM, { clockMs, env: {}, args: ['--socket', path, '--admin-port', '0', ...args] });
    this.#folder = folder;
    this.#path = path;
  }

  /**
   * Starts one on a socket and an admin port of its own.
   * @param args more of its command line
   * @param clockMs how far its wall clock is from the truth, in milliseconds, of one whose clock can be set
   * @throws Error when it is not built, or ends before it listens
   */
  static async start(args: readonly string[] = [], clockMs?: number): Promise<GatekeeperProcess> {
    const gatekeeper = new GatekeeperProcess(makeOwnFolder('gk-'), args, clockMs);
    gatekeeper.adminPort = (await gatekeeper.listening)['adminPort'] as number;
    return gatekeeper;
  }

  /** A worker of Kong with an instance of its own. @param changes to the schema's defaults */
  worker(changes: Record<string, unknown>): KongWorker {
    const worker = new KongWorker(this.#path, rawConfig(changes));
    this.#workers.push(worker);
    return worker;
  }

  /** The faults that its log tells in these words, since so many lines. */
  told(msg: string, since = 0): readonly LogEntry[] {
    return this.warnings.slice(since).filter((entry) => entry.msg === msg);
  }

  /** The value of a series, as `/metrics` spells it; undefined when it is not there. */
  async sample(series: string): Promise<number | undefined> {
    const text = await (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    for (const worker of this.#workers) worker.close();
    this.signal('SIGKILL');
    await this.ended;
    await this.#folder.remove();
  }
}
