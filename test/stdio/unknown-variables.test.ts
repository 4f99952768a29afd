import { describe, expect, it } from '@jest/globals';
import { unknownVariables } from '../../stdio/unknown-variables';

const KNOWN = ['BRIDGE_PORT', 'BRIDGE_ADMIN_PORT', 'BRIDGE_HOST', 'BRIDGE_ASSERTION_SECRET'];

describe('a variable with the prefix of a program', () => {
  it.each([
    ['BRIDGE_PROT', 'BRIDGE_PORT'],
    ['BRIDGE_ASSERTION_SECERT', 'BRIDGE_ASSERTION_SECRET'],
    ['BRIDGE_ADMINPORT', 'BRIDGE_ADMIN_PORT'],
  ])('that is none of its own is told with the nearest: %s', (name, nearest) => {
    expect(unknownVariables({ [name]: '1', BRIDGE_PORT: '1', PATH: '/' }, 'BRIDGE_', KNOWN)).toEqual([
      { name, nearest },
    ]);
  });

  it('that Kubernetes sets for a Service of its name is left alone', () => {
    const env = {
      BRIDGE_SERVICE_HOST: '10.0.0.1',
      BRIDGE_SERVICE_PORT: '8080',
      BRIDGE_SERVICE_PORT_WS_ADMIN: '9090',
      BRIDGE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      BRIDGE_PORT_8080_TCP_PROTO: 'tcp',
      BRIDGE_PORT_8080_TCP_PORT: '8080',
      BRIDGE_PORT_53_UDP_ADDR: '10.0.0.1',
      BRIDGE_BLUE_PORT: 'tcp://10.0.0.2:80',
      WS_BRIDGE_PORT: 'tcp://10.0.0.1:8080',
    };
    expect(unknownVariables(env, 'BRIDGE_', KNOWN)).toEqual([]);
  });

  it('that looks like one of those and holds no address is told', () => {
    expect(unknownVariables({ BRIDGE_BLUE_PORT: '80' }, 'BRIDGE_', KNOWN)).toHaveLength(1);
  });
});
