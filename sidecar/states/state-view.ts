import type { ChannelState } from '../fanout/channel-state';
import type { Owner } from '../lib/loop-shares';
import type { StateOutcome } from '../metrics/outcomes';
import type { RouteMetrics } from '../metrics/metrics';
import type { ChannelStates, StatePlace, Viewer } from './channel-states';

/** Whose view it is, and of which channel. */
export interface ViewIdentity {
  readonly place: StatePlace;
  /** The route's name. */
  readonly route: string;
  readonly owner: Owner;
}

/** Who is shown a state. */
export interface StateReader {
  /** @returns what came of it */
  showState(state: ChannelState): StateOutcome;
}

/** One client's view of the state of its channel. */
export class StateView implements Viewer {
  readonly place: StatePlace;
  readonly route: string;
  readonly owner: Owner;
  readonly #states: ChannelStates;
  readonly #metrics: Pick<RouteMetrics, 'state'>;
  #reader: StateReader | undefined;

  constructor(
    states: ChannelStates,
    { place, route, owner }: ViewIdentity,
    metrics: Pick<RouteMetrics, 'state'>,
  ) {
    this.#states = states;
    this.place = place;
    this.route = route;
    this.owner = owner;
    this.#metrics = metrics;
  }

  /** Looks for the state: what comes of an earlier question is not shown any more. */
  ask(reader: StateReader): void {
    this.#reader = reader;
    this.#states.ask(this);
  }

  /** Waits for it no longer. Can be called more than once. */
  forget(): void {
    this.#states.forget(this);
  }

  show(state: ChannelState): StateOutcome {
    return this.#reader?.showState(state) ?? 'superseded';
  }

  told(outcome: StateOutcome): void {
    this.#metrics.state(outcome);
  }
}
