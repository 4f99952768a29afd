import { planFrom } from './plan';

describe('the plan of a fault run', () => {
  it('is small by default, with a seed of its own', () => {
    const plan = planFrom({ CLIENTS: '' }, () => 999_999_999);
    expect(plan).toEqual({ clients: 60, tenants: 10, seconds: 4, rate: 5, seed: 999_999_999 });
    expect(planFrom({ SEED: `${plan.seed}` }, () => 1)).toEqual(plan);
  });

  it('is what the environment says', () => {
    const env = { CLIENTS: '1000', TENANTS: '20', SECONDS: '60', RATE: '3', SEED: '7' };
    expect(planFrom(env, () => 1)).toEqual({ clients: 1000, tenants: 20, seconds: 60, rate: 3, seed: 7 });
  });

  it('has a rate of less than one message a second, where a machine bears no more', () => {
    expect(planFrom({ RATE: '0.25' }, () => 1).rate).toBe(0.25);
  });

  it.each(['0', '0.0', '-1', '1.', 'x'])('is none when its rate is %p', (text) => {
    expect(() => planFrom({ RATE: text }, () => 1)).toThrow('RATE: expected a positive number');
  });

  it.each(['0', '-1', '1.5', 'x', ' 1'])('is none when a number is %p', (text) => {
    expect(() => planFrom({ CLIENTS: text }, () => 1)).toThrow('CLIENTS: expected a positive whole number');
  });
});
