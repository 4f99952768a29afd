import cluster from 'node:cluster';
import {
  SIGN_OF_LIFE,
  type FromAnyWorker,
  type Message,
  type METRICS,
  type MetricsSnapshot,
  type ToAnyWorker,
} from './messages';

/** A worker's answers, by the question. */
export interface Answers extends Readonly<Record<string, () => unknown>> {
  readonly [METRICS]: () => Promise<MetricsSnapshot>;
}

/** A worker's connection to its primary. */
export class PrimaryChannel<Said extends Message, Heard extends Message> {
  /** The worker ends with its primary, and by its word alone: whatever signals a group or a terminal signals that as well. */
  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
    // The primary is gone: Node ends the process next. An answer that could not be sent is no other fault.
    cluster.worker?.on('error', () => process.exit(1));
  }

  send(message: Said): void {
    void post(message);
  }

  /** Says that it takes connections. From now on it answers and hears. */
  ready(port: number | undefined, answers: Answers, hear: (message: Heard) => void): void {
    process.on('message', (message: Heard | ToAnyWorker) => {
      if (isQuestion(message)) void answer(message, { ...answers, [SIGN_OF_LIFE]: () => true });
      else hear(message);
    });
    void post({ type: 'ready', port });
  }

  /** Says why it cannot start. Resolves when the primary may end it. */
  failed(reason: string): Promise<void> {
    return post({ type: 'failed', reason });
  }
}

function isQuestion(message: Message): message is ToAnyWorker {
  return message.type === 'ask';
}

/** A question that cannot be answered is answered with nothing, as one process answers 500: it ends no worker. */
async function answer({ ask, question }: ToAnyWorker, answers: Answers): Promise<void> {
  const value = await Promise.resolve(answers[question])
    .then((find) => find?.())
    .catch(() => undefined);
  void post({ type: 'answer', ask, value });
}

function post(message: Message | FromAnyWorker): Promise<void> {
  return new Promise((resolve) => {
    // The primary may be gone: whatever ends this process then has said so.
    process.send?.(message, undefined, undefined, () => {
      resolve();
    });
  });
}
