import { kongEnvironment } from '../../../bench/path/kong-environment';

const PLACE = {
  folder: '/tmp/trial',
  port: 12_345,
  configFile: '/tmp/trial/kong.yml',
  socketPath: '/tmp/trial/plugin.sock',
  infoFile: '/tmp/trial/plugin-info.json',
  env: { JWT_SECRET: 'secret' },
  nodeFlags: [],
};

test('Kong listens on one port of 127.0.0.1 and nowhere else', () => {
  const environment = kongEnvironment(PLACE, 1000);
  const listens = Object.entries(environment).filter(([name]) => name.endsWith('_LISTEN'));
  expect(Object.fromEntries(listens)).toEqual({
    KONG_PROXY_LISTEN: '127.0.0.1:12345 backlog=16384',
    KONG_ADMIN_LISTEN: 'off',
    KONG_ADMIN_GUI_LISTEN: 'off',
    KONG_STATUS_LISTEN: 'off',
  });
});

test('all that it writes is in the trial’s folder, and it knows what kong.yml refers to', () => {
  expect(kongEnvironment(PLACE, 1000)).toMatchObject({
    KONG_PREFIX: '/tmp/trial/kong',
    JWT_SECRET: 'secret',
  });
});

test('its workers are who started it', () => {
  expect(kongEnvironment(PLACE, 1000)).not.toHaveProperty('KONG_NGINX_USER');
  expect(kongEnvironment(PLACE, 0)).toMatchObject({ KONG_NGINX_USER: 'root root' });
});
