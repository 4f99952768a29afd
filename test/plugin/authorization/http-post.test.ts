import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpPoster, MAX_RESPONSE_BYTES, NoResponseError } from '../../../plugin/authorization/http-post';
import { AuthorizationServer, saying } from '../../fakes/authorization-server';

let server: AuthorizationServer;
let poster: HttpPoster;
beforeEach(async () => {
  server = await new AuthorizationServer().start();
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

  it('has no response where nobody listens, and has one again once somebody does', async () => {
    const { port, url } = server;
    await poster.post(url, '{}');
    await server.stop();
    await expect(poster.post(url, '{}')).rejects.toThrow(NoResponseError);
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
