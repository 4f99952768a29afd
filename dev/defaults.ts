/** Verifies users' tokens on a developer's machine, when JWT_SECRET says nothing else. No secret at all. */
export const DEV_JWT_SECRET = 'a-development-secret-that-everybody-knows';

/** Signs what the gatekeeper tells the bridge on a developer's machine. No secret at all. */
export const DEV_ASSERTION_SECRET = 'another-development-secret-everybody-knows';

/** GATEWAY_PORT unless it is set. */
export const DEFAULT_GATEWAY_PORT = 8000;
/** BRIDGE_PORT unless it is set. */
export const DEFAULT_BRIDGE_PORT = 8080;
/** BRIDGE_ADMIN_PORT unless it is set. */
export const DEFAULT_BRIDGE_ADMIN_PORT = 9090;

/** How long a development token is good for unless told otherwise, seconds. */
export const DEFAULT_TOKEN_TTL_SECONDS = 900;
