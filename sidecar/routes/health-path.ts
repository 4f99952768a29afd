/** Where balancers ask on the traffic port whether to send traffic there: a state that matters is seen where traffic goes. */
export const HEALTH_PATH = '/healthz';
