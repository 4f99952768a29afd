import { parseRedisCpuUs } from '../../../bench/scale/spent';

test('the CPU time of a Redis is that of its user and system time, without that of its children', () => {
  const info =
    '# CPU\r\nused_cpu_sys:1.500000\r\nused_cpu_user:0.250001\r\nused_cpu_sys_children:9.0\r\nused_cpu_user_children:9.0\r\n';
  expect(parseRedisCpuUs(info)).toBe(1_750_001);
});

test('of a text without it the CPU time is no number', () => {
  expect(parseRedisCpuUs('# CPU\r\n')).toBeNaN();
});
