import type { CountedHeaders, HeaderSelection } from '../request/header-selection';
import type { Consumer, Credential } from '../consumer/consumer';
import type { Kong, MatchedRoute, PdkHeaders, SharedValue } from '../kong';
import { constantFrame, type FrameWriter } from './protobuf/frame-writer';
import {
  readConsumer,
  readCountedHeaders,
  readHeaders,
  readNumber,
  readRoute,
  readString,
  writeAuthenticate,
  writeConsumerSpec,
  writeExit,
  writeHeaderChanges,
  writeHeaders,
  writeInt,
  writeKeyValue,
  writeString,
} from './protobuf/messages';

/** Kong's own default. */
const DEFAULT_MAX_HEADERS = 100;

const NO_ARGUMENT = constantFrame('');
const GET_HEADERS = constantFrame('kong.request.get_headers');
const GET_METHOD = constantFrame('kong.request.get_method');
const GET_PATH = constantFrame('kong.request.get_path');
const GET_RAW_QUERY = constantFrame('kong.request.get_raw_query');
const GET_PATH_WITH_QUERY = constantFrame('kong.request.get_path_with_query');
const GET_HTTP_VERSION = constantFrame('kong.request.get_http_version');
const GET_FORWARDED_IP = constantFrame('kong.client.get_forwarded_ip');
const GET_CONSUMER = constantFrame('kong.client.get_consumer');
const LOAD_CONSUMER = constantFrame('kong.client.load_consumer');
const AUTHENTICATE = constantFrame('kong.client.authenticate');
const SET_SHARED = constantFrame('kong.ctx.shared.set');
const GET_VAR = constantFrame('kong.nginx.get_var');
const GET_ROUTE = constantFrame('kong.router.get_route');
const SET_SERIALIZE_VALUE = constantFrame('kong.log.set_serialize_value');
const SET_UPSTREAM_HEADERS = constantFrame('kong.service.request.set_headers');
const CLEAR_UPSTREAM_HEADER = constantFrame('kong.service.request.clear_header');
const SET_UPSTREAM_QUERY = constantFrame('kong.service.request.set_raw_query');
const SET_RESPONSE_HEADERS = constantFrame('kong.response.set_headers');
const EXIT = constantFrame('kong.response.exit');

type Write = (out: FrameWriter) => void;

/** How calls reach Kong: each writes the method's frame and its argument's. */
interface Calls {
  tell(write: Write): Promise<void>;
  ask<T>(write: Write, read: (answer: Buffer) => T): Promise<T>;
  exit(write: Write): Promise<void>;
}

/** The PDK of one exchange. */
export function pdkOf(calls: Calls): Kong {
  const asked = new AskedOfKong(calls);
  return {
    request: asked,
    client: new Client(calls),
    ctx: { shared: new SharedContext(calls) },
    nginx: asked,
    router: asked,
    log: new RequestLog(calls),
    service: { request: new UpstreamRequest(calls) },
    response: new ClientResponse(calls),
  };
}

class AskedOfKong {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  getHeaders(max = DEFAULT_MAX_HEADERS): Promise<PdkHeaders> {
    return this.#calls.ask(getHeaders(max), (answer) => readHeaders(answer));
  }

  getSelectedHeaders(selection: HeaderSelection, max: number): Promise<CountedHeaders> {
    return this.#calls.ask(getHeaders(max), (answer) => readCountedHeaders(answer, selection));
  }

  getMethod(): Promise<string> {
    return this.#calls.ask(withoutArgument(GET_METHOD), readString);
  }

  getPath(): Promise<string> {
    return this.#calls.ask(withoutArgument(GET_PATH), readString);
  }

  getRawQuery(): Promise<string> {
    return this.#calls.ask(withoutArgument(GET_RAW_QUERY), readString);
  }

  getPathWithQuery(): Promise<string> {
    return this.#calls.ask(withoutArgument(GET_PATH_WITH_QUERY), readString);
  }

  getHttpVersion(): Promise<number> {
    return this.#calls.ask(withoutArgument(GET_HTTP_VERSION), readNumber);
  }

  getVar(name: string): Promise<string> {
    return this.#calls.ask((out) => {
      out.constant(GET_VAR);
      writeString(out, name);
    }, readString);
  }

  getRoute(): Promise<MatchedRoute> {
    return this.#calls.ask(withoutArgument(GET_ROUTE), readRoute);
  }
}

class Client {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  getForwardedIp(): Promise<string> {
    return this.#calls.ask(withoutArgument(GET_FORWARDED_IP), readString);
  }

  getConsumer(): Promise<Consumer | undefined> {
    return this.#calls.ask(withoutArgument(GET_CONSUMER), readConsumer);
  }

  loadConsumer(idOrUsername: string, byUsername: boolean): Promise<Consumer | undefined> {
    return this.#calls.ask((out) => {
      out.constant(LOAD_CONSUMER);
      writeConsumerSpec(out, idOrUsername, byUsername);
    }, readConsumer);
  }

  authenticate(consumer: Consumer, credential: Credential | undefined): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(AUTHENTICATE);
      writeAuthenticate(out, consumer, credential);
    });
  }
}

class SharedContext {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  set(key: string, value: SharedValue): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(SET_SHARED);
      writeKeyValue(out, key, value);
    });
  }
}

class RequestLog {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  setSerializeValue(key: string, value: SharedValue): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(SET_SERIALIZE_VALUE);
      writeKeyValue(out, key, value);
    });
  }
}

class UpstreamRequest {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  setHeaders(headers: Readonly<Record<string, string>>): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(SET_UPSTREAM_HEADERS);
      writeHeaders(out, headers);
    });
  }

  changeHeaders(set: Readonly<Record<string, string>>, clear: readonly string[]): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(SET_UPSTREAM_HEADERS);
      writeHeaderChanges(out, set, clear);
    });
  }

  clearHeader(name: string): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(CLEAR_UPSTREAM_HEADER);
      writeString(out, name);
    });
  }

  setRawQuery(rawQuery: string): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(SET_UPSTREAM_QUERY);
      writeString(out, rawQuery);
    });
  }
}

class ClientResponse {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  setHeaders(headers: Readonly<Record<string, string>>): Promise<void> {
    return this.#calls.tell((out) => {
      out.constant(SET_RESPONSE_HEADERS);
      writeHeaders(out, headers);
    });
  }

  exit(status: number, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
    return this.#calls.exit((out) => {
      out.constant(EXIT);
      writeExit(out, status, body, headers);
    });
  }
}

function getHeaders(max: number): Write {
  return (out) => {
    out.constant(GET_HEADERS);
    writeInt(out, max);
  };
}

function withoutArgument(method: Buffer): Write {
  return (out) => {
    out.constant(method);
    out.constant(NO_ARGUMENT);
  };
}
