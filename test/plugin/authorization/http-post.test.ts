import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  HttpPoster,
  MAX_RESPONSE_BYTES,
  MAX_SOCKETS,
  NoResponseError,
} from '../../../plugin/authorization/http-post';
import { NoTurnError } from '../../../plugin/authorization/turns';
import { freePortsInARow } from '../../dev/free-ports';
import { AuthorizationServer, saying } from '../../fakes/authorization-server';

let server: AuthorizationServer;
let poster: HttpPoster;
beforeEach(async () => {
  // A port that it can have again when it was stopped.
  server = await new AuthorizationServer().start((await freePortsInARow(1))[0]);
  poster = new HttpPoster({ Authorization: 'Bearer of the gatekeeper' }, 10_000);
});
afterEach(async () => {
  poster.close();
  await server.stop();
});

describe('a question over HTTP', () => {
  it('is JSON, with the headers of the configuration', async () => {
    expect(await poster.post(server.url, '{"a":"ä"}')).toEqual({ status: 200, body: 'true' });
    expect(server.arrived).toMatchObject([
      {
        path: '/v1/data/ws/decision',
        body: { a: 'ä' },
        headers: {
          'content-type': 'application/json',
          authorization: 'Bearer of the gatekeeper',
          'content-length': '10',
        },
      },
    ]);
  });

  it('has a response without the byte order mark that some servers write before it', async () => {
    server.respond = (response) => response.end('\ufeff{"allow":true}');
    expect(await poster.post(server.url, '{}')).toEqual({ status: 200, body: '{"allow":true}' });
  });

  it('goes over a connection that stays open, whatever the answers are', async () => {
    for (const [status, said] of [
      [200, true],
      [403, 'no'],
      [500, 'x'.repeat(1000)],
      [302, ''],
      [200, { allow: false }],
    ] as const) {
      server.respond = saying(said, status);
      expect(await poster.post(server.url, '{}')).toMatchObject({ status });
    }
    expect(server.connections).toBe(1);
  });

  it('is asked again where the connection was closed since the last one', async () => {
    await poster.post(server.url, '{}');
    const { respond } = server;
    server.respond = (response) => {
      server.respond = respond;
      response.socket?.resetAndDestroy();
    };
    expect(await poster.post(server.url, '{}')).toMatchObject({ status: 200 });
    expect(server.connections).toBe(2);
  });

  it('is asked once where the connection is its own', async () => {
    server.respond = (response) => response.socket?.resetAndDestroy();
    await expect(poster.post(server.url, '{}')).rejects.toThrow(/^ECONNRESET$/);
    expect(server.arrived).toHaveLength(1);
  });

  it('that is asked again has no more time than it had', async () => {
    const impatient = new HttpPoster({}, 2000);
    await impatient.post(server.url, '{}');
    server.respond = (response) => {
      server.respond = (second) => void setTimeout(() => second.end('true'), 1200);
      setTimeout(() => response.socket?.resetAndDestroy(), 1200);
    };
    await expect(impatient.post(server.url, '{}')).rejects.toThrow('no response in 2000 ms');
    impatient.close();
  });

  it('waits where as many are under way as may be', async () => {
    const held: (() => void)[] = [];
    server.respond = (response) => void held.push(() => response.end('true'));
    const posts = Array.from({ length: MAX_SOCKETS + 10 }, () => poster.post(server.url, '{}'));
    await server.hasArrived(MAX_SOCKETS);
    server.respond = saying(true);
    for (const release of held) release();
    expect(await Promise.all(posts)).toHaveLength(MAX_SOCKETS + 10);
    expect(server.connections).toBe(MAX_SOCKETS);
  });

  it('that finds no connection free in time was not sent, which tells nothing of who would have answered', async () => {
    const held: (() => void)[] = [];
    server.respond = (response) => void held.push(() => response.end('true'));
    const posts = Array.from({ length: MAX_SOCKETS }, () => poster.post(server.url, '{}'));
    await server.hasArrived(MAX_SOCKETS);
    await expect(poster.post(server.url, '{}', 20)).rejects.toThrow(NoTurnError);
    for (const release of held) release();
    expect(await Promise.all(posts)).toHaveLength(MAX_SOCKETS);
    expect(server.arrived).toHaveLength(MAX_SOCKETS);
  });

  it('does not read to its end what stands beside a status that says all', async () => {
    server.respond = (response) => {
      response.writeHead(500);
      response.write('x');
    };
    expect(await poster.post(server.url, '{}')).toEqual({ status: 500, body: '' });
  });

  it('is cut off from one that never stops, whatever its status is', async () => {
    let sentBytes = 0;
    server.respond = (response) => {
      const more = () => {
        do sentBytes += 10_000;
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.writeHead(500);
      response.on('drain', more);
      more();
    };
    expect(await poster.post(server.url, '{}')).toEqual({ status: 500, body: '' });
    await server.hasOpen(0);
    // Its bound and what the sockets keep, and not what comes until the timeout.
    expect(sentBytes).toBeLessThan(50_000_000);
  });

  it('has no response where nobody listens, and has one again once somebody does', async () => {
    const { port, url } = server;
    await poster.post(url, '{}');
    await server.stop();
    const refused = await poster.post(url, '{}').catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(NoResponseError);
    // Without the address, which may name what is inside.
    expect((refused as Error).message).toBe('ECONNREFUSED');
    server = await new AuthorizationServer().start(port);
    expect(await poster.post(url, '{}')).toMatchObject({ status: 200 });
  });

  it('has a response as large as may be, and no larger one', async () => {
    server.respond = (response) => response.end('x'.repeat(MAX_RESPONSE_BYTES));
    expect((await poster.post(server.url, '{}')).body).toHaveLength(MAX_RESPONSE_BYTES);
    server.respond = (response) => response.end('x'.repeat(MAX_RESPONSE_BYTES + 1));
    await expect(poster.post(server.url, '{}')).rejects.toThrow('a body of more than 65536 bytes');
  });

  it('leaves no connection behind that has hung', async () => {
    server.respond = () => undefined;
    const impatient = new HttpPoster({}, 100);
    await Promise.all(
      Array.from({ length: 5 }, () =>
        expect(impatient.post(server.url, '{}')).rejects.toThrow('no response in 100 ms'),
      ),
    );
    await server.hasOpen(0);
    impatient.close();
    server.respond = saying(true);
    expect(await poster.post(server.url, '{}')).toMatchObject({ status: 200 });
    await server.hasOpen(1);
  });
});
