import { rateRefusals } from '../../../bench/neighbour/refusals';

test('counts what was over a rate, of all routes, and nothing else', () => {
  const metrics = `# HELP ws_bridge_closes_total Closed connections by close code.
ws_bridge_closes_total{route="chat",code="4429"} 2
ws_bridge_closes_total{route="chat",code="1000"} 40
ws_bridge_closes_total{route="docs",code="4429"} 1
ws_bridge_messages_refused_total{route="chat",code="TOO_MANY_MESSAGES"} 7
ws_bridge_messages_refused_total{route="chat",code="BAD_MESSAGE"} 9`;
  expect(rateRefusals(metrics)).toEqual({ messages: 7, closed: 3 });
});
