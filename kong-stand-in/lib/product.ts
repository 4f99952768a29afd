/** How the stand-in calls itself in `Server` and `Via`: never mistaken for Kong. */
export const PRODUCT = 'ws-gateway-stand-in';

/** Kong's release that it stands in for. */
export const KONG_VERSION = '3.9.3';
