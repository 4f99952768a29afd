import { clockUs } from '../../clock';
import { Client } from '../../load/client';
import { wsBridge } from '../../peers/ws-bridge';
import { clientPlans } from '../../stage';
import { chats } from '../../topic';
import { answerCalls } from '../../worker';
import { Observations } from '../observations';
import { SeenFrames } from '../seen-frames';
import type { TenantBCalls, TenantBPlan } from './calls';
import { Commander } from './commander';
import { watchLiveness } from './liveness';
import { keepVisiting } from './visitor';

/** After the last message, until nothing has come for a while: what has not come by then is lost. */
const QUIET_MS = 2000;
const DRAIN_MS = 20_000;

/** Tenant B, who minds its own business. */
class TenantB {
  readonly #plan: TenantBPlan;
  readonly #observations: Observations;
  readonly #seen = new SeenFrames();
  #tokens = 0;
  #errands: Promise<unknown> = Promise.resolve();

  constructor(plan: TenantBPlan) {
    this.#plan = plan;
    this.#observations = new Observations(plan.schedule);
  }

  async begin(): Promise<void> {
    const { port, adminPort, schedule } = this.#plan;
    const observations = this.#observations;
    await this.#listen();
    const commander = await Commander.open(port, observations);
    this.#errands = Promise.all([
      commander.keepSending(schedule),
      keepVisiting(port, schedule, observations),
      watchLiveness(adminPort, schedule, observations),
    ]);
  }

  async report(published: readonly number[]): Promise<ReturnType<Observations['figures']>> {
    await this.#errands;
    const giveUpUs = clockUs() + DRAIN_MS * 1000;
    for (let seen = -1; seen !== this.#tokens && clockUs() < giveUpUs;) {
      seen = this.#tokens;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    }
    for (const [chat, count] of published.entries())
      for (const index of this.#seen.missing(chat, count))
        this.#observations.fault('lost', this.#dueUs(chat, index));
    return this.#observations.figures();
  }

  async #listen(): Promise<void> {
    const { port, chats: sockets } = this.#plan;
    const plans = await clientPlans(wsBridge('bridge.v1'), chats(sockets), { port, sockets });
    const recorder = {
      frame: (socket: number, index: number, timeUs: number, nowUs: number): void => {
        this.#tokens += 1;
        this.#observations.latency('token', timeUs, nowUs);
        if (!this.#seen.mark(socket, index)) this.#observations.fault('doubled', timeUs);
      },
      gap: () => {
        this.#observations.fault('gaps', clockUs());
      },
      closed: () => {
        this.#observations.fault('closed', clockUs());
      },
    };
    const clients = plans.map((plan, number) => new Client(plan, number, recorder));
    const refusal = (await Promise.all(clients.map(({ opened }) => opened))).find((why) => why !== undefined);
    if (refusal !== undefined) throw new Error(`tenant B's chats could not be opened: ${refusal}`);
  }

  /** When a token was to be published: the chats have theirs in turn. */
  #dueUs(chat: number, index: number): number {
    const { schedule, chats: count, tokensPerSecond } = this.#plan;
    return schedule.beginUs + ((index * count + chat) * 1_000_000) / tokensPerSecond;
  }
}

let tenant: TenantB | undefined;

answerCalls<TenantBCalls>({
  begin: (plan) => {
    tenant = new TenantB(plan);
    return tenant.begin();
  },
  report: (published) => {
    if (tenant === undefined) throw new Error('expected begin before report');
    return tenant.report(published);
  },
});
