import { connect } from 'node:net';
import { clockUs } from '../clock';
import { LatencyHistogram } from '../latency-histogram';
import { answerCalls } from '../worker';
import type { Answers, RequestCalls, RequestLoad } from './request-calls';
import { isWhole } from './whole-answer';

answerCalls<RequestCalls>({ ask });

async function ask({ port, connections, requests, first, answers }: RequestLoad): Promise<Answers> {
  const latencies = new LatencyHistogram();
  const startUs = clockUs();
  let [asked, refused] = [0, 0];
  const next = (): string | undefined =>
    asked < answers ? requests[(first + asked++) % requests.length] : undefined;
  const told = (isRefused: boolean, us: number): void => {
    latencies.record(us);
    if (isRefused) refused += 1;
  };
  await Promise.all(Array.from({ length: connections }, () => oneConnection(port, next, told)));
  return {
    refused,
    seconds: (clockUs() - startUs) / 1_000_000,
    p50Ms: latencies.percentileUs(0.5) / 1000,
    p99Ms: latencies.percentileUs(0.99) / 1000,
  };
}

/** Asks for one after the other until there is none left. @throws when the connection ends before */
function oneConnection(
  port: number,
  next: () => string | undefined,
  told: (isRefused: boolean, us: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    let askedUs = 0;
    const askNext = (): void => {
      const request = next();
      if (request === undefined) {
        socket.destroy();
        resolve();
        return;
      }
      askedUs = clockUs();
      socket.write(request, 'latin1');
    };
    socket.setEncoding('latin1');
    socket.once('connect', askNext);
    socket.on('data', (piece: string) => {
      text += piece;
      if (!isWhole(text)) return;
      told(!text.startsWith('HTTP/1.1 200 '), clockUs() - askedUs);
      text = '';
      askNext();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error(`the gateway closed the connection after "${text.slice(0, 100)}"`));
    });
  });
}
