import { describe, expect, it } from '@jest/globals';
import { findingLine } from '../../../sidecar/doctor/finding';
import { kongFinding } from '../../../sidecar/doctor/kong-version';

describe('the Kong that answered', () => {
  it.each([
    [{ via: 'kong/3.5.0' }, 'kong/3.5.0'],
    [{ via: '1.1 proxy.example, 1.1 kong/3.7.1' }, 'kong/3.7.1'],
    [{ server: 'kong/2.8.5' }, 'kong/2.8.5'],
    [{ server: 'nginx', via: '1.1 kong/3.4.3.1-enterprise-edition' }, 'kong/3.4.3.1'],
  ])('is said to be too old, and what that means, when it is: %j', (headers, version) => {
    const [line = ''] = kongFinding(headers).map(findingLine);
    expect(line).toMatch(
      /^warn {2}kong {7}kong\/[\d.]+ lets upgrades through when the plugin server fails.*401.*Kong 3\.8/,
    );
    expect(line).toContain(`${version} lets`);
  });

  it.each([
    [{ via: '1.1 kong/3.8.0' }],
    [{ via: 'kong/3.10.0' }],
    [{ server: 'kong/4.0' }],
    [{ server: 'nginx/1.25.3' }],
    [{ via: '1.1 ws-gateway-stand-in' }],
    [{}],
  ])('is not spoken of when it is new enough or not known: %j', (headers) => {
    expect(kongFinding(headers)).toEqual([]);
  });
});
