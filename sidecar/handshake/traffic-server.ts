import { createServer, type IncomingMessage, type Server } from 'node:http';
import { asksForEventStream } from '../../protocol/accept';
import { headerReader } from '../http/headers';
import { answerHealthCheck, isHealthCheck } from '../http/health-check';
import type { Readiness } from '../http/readiness';
import { EXPECTATION_FAILED, NO_PROXY, respond } from '../http/refusal';
import { httpOptions } from '../http/server';
import type { Route } from '../routes/route';
import { judgePlainRequest } from './admission';
import type { PostedMessages } from './posted-messages';
import type { UpgradeHandler } from './upgrade-handler';

/** An operator's settings for requests. */
export interface TrafficSettings {
  readonly handshakeTimeoutMs: number;
  readonly maxHeaderBytes: number;
}

/** The port that a gateway sends traffic to: upgrades, its balancer's checks, and whatever else comes. Nothing listens yet. */
export function createTrafficServer(
  { handshakeTimeoutMs, maxHeaderBytes }: TrafficSettings,
  routes: readonly Route[],
  upgradeHandler: UpgradeHandler,
  postedMessages: PostedMessages,
  readiness: () => Readiness,
): Server {
  const server = createServer(httpOptions(handshakeTimeoutMs, maxHeaderBytes), (request, response) => {
    if (request.method === 'POST' && !isHealthCheck(request)) {
      void postedMessages.handle(request, response);
      return;
    }
    request.resume();
    if (isHealthCheck(request)) answerHealthCheck(request, response, readiness());
    else if (asksForStream(request)) void upgradeHandler.handleStream(request, response);
    else respond(response, judgePlainRequest(request, routes));
  });
  // All of them are judged, so none may be left out: their bytes are bounded.
  server.maxHeadersCount = 0;
  server.on('upgrade', (request, socket, head) => {
    void upgradeHandler.handle(request, socket, head);
  });
  // Node would answer these by itself, and nobody would know.
  server.on('clientError', (error, socket) => {
    upgradeHandler.refuseUnread(error, socket);
  });
  server.on('connect', (request, socket) => {
    upgradeHandler.refuse(NO_PROXY, socket, request);
  });
  server.on('checkExpectation', (request) => {
    upgradeHandler.refuse(EXPECTATION_FAILED, request.socket, request);
  });
  return server;
}

const readAccept = headerReader({ values: 'Accept' });

function asksForStream({ method, rawHeaders }: IncomingMessage): boolean {
  return method === 'GET' && asksForEventStream(readAccept(rawHeaders).values);
}
