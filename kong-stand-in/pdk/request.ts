import type { LuaValue } from '../lib/lua';
import { parseQuery } from '../lib/query';
import type { GatewayRequest } from '../http/request';
import { normalizePath, rawPath } from '../lib/uri';
import type { PdkTable } from './call';
import { checkMax, checkString } from './checks';

/** `kong.request` (kong/pdk/request.lua). */
export const REQUEST: PdkTable = {
  'kong.request.get_scheme': () => 'http',
  'kong.request.get_host': ({ request }) => request.host,
  'kong.request.get_port': ({ request }) => request.serverPort,
  'kong.request.get_forwarded_scheme': () => 'http',
  'kong.request.get_forwarded_host': ({ request }) => request.host,
  'kong.request.get_forwarded_port': ({ request }) => request.serverPort,
  'kong.request.get_http_version': ({ request }) => Number(request.httpVersion),
  'kong.request.get_method': ({ request }) => request.method,
  'kong.request.get_path': ({ request }) => normalizePath(rawPath(request.target)),
  'kong.request.get_path_with_query': ({ request }) => request.target,
  'kong.request.get_raw_query': ({ request }) => request.query,
  'kong.request.get_query': ({ request }, max) => parseQuery(request.query, checkMax(max, 'max_args')),
  'kong.request.get_query_arg': ({ request }, name) =>
    queryArg(request, checkString(name, 'query argument name must be a string')),
  'kong.request.get_header': ({ request }, name) =>
    header(request, checkString(name, 'header name must be a string')),
  'kong.request.get_headers': ({ request }, max) => request.headers.toTable(checkMax(max, 'max_headers')),
};

/** lua-nginx-module reads 100 arguments unless told otherwise. */
const MAX_ARGS = 100;

function queryArg(request: GatewayRequest, name: string): LuaValue {
  const value = parseQuery(request.query, MAX_ARGS)[name];
  return Array.isArray(value) ? (value as readonly LuaValue[])[0] : value;
}

/**
 * Kong's `get_header` (kong/tools/http.lua). It gives nginx's `$http_name`, in which `-` and `_` are the same and
 * repeated headers are joined by `, `. Only when that joins something does it give the first of the header under its
 * very name.
 */
function header(request: GatewayRequest, name: string): LuaValue {
  const like = request.headers.likeVariable(name);
  if (like.length === 0) return undefined;
  const joined = like.join(name.toLowerCase() === 'cookie' ? '; ' : ', ');
  if (!joined.includes(', ')) return joined;
  return request.headers.readByKong(name);
}

/** `ngx.var` (nginx's variables), as far as a plugin asks for them. */
export const NGINX: PdkTable = {
  'kong.nginx.get_var': ({ request }, name) =>
    variable(request, checkString(name, 'variable name must be a string')),
  'kong.nginx.get_subsystem': () => 'http',
};

function variable(request: GatewayRequest, name: string): LuaValue {
  const direct = VARIABLES[name];
  if (direct !== undefined) return direct(request);
  if (name.startsWith('http_')) {
    const values = request.headers.likeVariable(name.slice('http_'.length));
    return values.length === 0 ? undefined : values.join(name === 'http_cookie' ? '; ' : ', ');
  }
  if (!name.startsWith('arg_')) return undefined;
  const wanted = `${name.slice('arg_'.length)}=`;
  const pair = request.query.split('&').find((item) => item.toLowerCase().startsWith(wanted.toLowerCase()));
  return pair?.slice(wanted.length);
}

const VARIABLES: Readonly<Record<string, (request: GatewayRequest) => LuaValue>> = {
  request_id: (request) => request.nginxRequestId,
  kong_request_id: (request) => request.kongRequestId,
  remote_addr: (request) => request.clientAddress,
  remote_port: (request) => String(request.clientPort),
  realip_remote_addr: (request) => request.clientAddress,
  host: (request) => request.host,
  scheme: () => 'http',
  https: () => '',
  request_method: (request) => request.method,
  request_uri: (request) => request.target,
  uri: (request) => normalizePath(rawPath(request.target)),
  args: (request) => request.query,
  query_string: (request) => request.query,
  is_args: (request) => (request.query === '' ? '' : '?'),
  server_port: (request) => String(request.serverPort),
  server_name: () => 'kong',
  server_protocol: (request) => `HTTP/${request.httpVersion}`,
  request: (request) => `${request.method} ${request.target} HTTP/${request.httpVersion}`,
  upstream_uri: (request) => request.upstreamPath,
  upstream_host: (request) => request.upstreamHost ?? '',
};
