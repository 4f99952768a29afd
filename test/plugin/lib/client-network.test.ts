import { describe, expect, it } from '@jest/globals';
import { clientNetwork } from '../../../plugin/lib/client-network';

describe('the client that an address belongs to', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2::1', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3:0:0:0:0/64'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:0/64'],
    ['::1', '0:0:0:0:0:0:0:0/64'],
    ['unix:', 'unix:'],
    ['', ''],
  ])('%s is %s', (address, client) => {
    expect(clientNetwork(address, 64)).toBe(client);
  });

  it.each([
    [32, '2001:db8:0:0:0:0:0:0/32'],
    [56, '2001:db8:1234:5600:0:0:0:0/56'],
    [60, '2001:db8:1234:5670:0:0:0:0/60'],
    [128, '2001:db8:1234:5678:9:a:b:c'],
  ])('has /%i where an operator says so', (bits, client) => {
    expect(clientNetwork('2001:db8:1234:5678:9:a:b:c', bits)).toBe(client);
  });
});
