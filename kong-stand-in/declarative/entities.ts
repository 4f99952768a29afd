/** A service, with Kong's field names and defaults (kong/db/schema/entities/services.lua). */
export interface Service {
  readonly id: string;
  readonly name: string | null;
  readonly enabled: boolean;
  readonly protocol: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: string | null;
  readonly retries: number;
  /** Milliseconds. */
  readonly connect_timeout: number;
  /** Milliseconds without a byte taken by the upstream. */
  readonly write_timeout: number;
  /** Milliseconds without a byte from the upstream, of an upgraded connection: from either side. */
  readonly read_timeout: number;
  readonly tags: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly created_at: number;
  readonly updated_at: number;
  readonly ws_id: string;
}

/** A route, with Kong's field names and defaults (kong/db/schema/entities/routes.lua). */
export interface Route {
  readonly id: string;
  readonly name: string | null;
  readonly protocols: readonly string[];
  readonly methods: readonly string[] | null;
  readonly hosts: readonly string[] | null;
  readonly paths: readonly string[] | null;
  readonly strip_path: boolean;
  readonly preserve_host: boolean;
  readonly regex_priority: number;
  readonly path_handling: 'v0';
  readonly https_redirect_status_code: number;
  readonly request_buffering: boolean;
  readonly response_buffering: boolean;
  readonly tags: readonly string[] | null;
  readonly service: { readonly id: string } | null;
  /** Seconds since the epoch. */
  readonly created_at: number;
  readonly updated_at: number;
  readonly ws_id: string;
}

/** A consumer, with Kong's field names (kong/db/schema/entities/consumers.lua). */
export interface Consumer {
  readonly id: string;
  readonly username: string | null;
  readonly custom_id: string | null;
  readonly tags: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly created_at: number;
  readonly updated_at: number;
  readonly ws_id: string;
}

/** A plugin's configuration as it was declared: not yet checked against the plugin's schema. */
export interface DeclaredPlugin {
  readonly id: string;
  readonly name: string;
  readonly instance_name: string | null;
  readonly enabled: boolean;
  /** Undefined when the plugin's own default holds. */
  readonly protocols: readonly string[] | undefined;
  readonly config: Readonly<Record<string, unknown>>;
  readonly routeId: string | undefined;
  readonly serviceId: string | undefined;
  /** Where it stands in the file, for messages. */
  readonly at: string;
}

/** A declarative configuration: what `kong.yml` says. */
export interface Declaration {
  readonly services: readonly Service[];
  readonly routes: readonly Route[];
  readonly plugins: readonly DeclaredPlugin[];
  readonly consumers: readonly Consumer[];
}

/** A configuration that Kong would not start with, or that the stand-in cannot serve. */
export class DeclarationError extends Error {
  override readonly name = 'DeclarationError';
  readonly code = 'ERR_DECLARATION';
}
