/** The media type of an event stream (HTML, "Server-sent events"). */
export const EVENT_STREAM = 'text/event-stream';

/** A parameter's value may be quoted, with commas and semicolons in it (RFC 9110 §5.6.4). One that does not end is read once, to the end. */
const QUOTED = /"(?:[^"\\]|\\[^])*(?:"|\\?$)/g;
/** RFC 9110 §12.4.2. */
const WEIGHT = /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;
const NO_WEIGHT = /^q=0(?:\.0{0,3})?$/i;

/**
 * Whether a request asks for an event stream: an `Accept` (RFC 9110 §12.5.1) names the media type itself, with a weight above 0. A
 * range such as `text/*` or `*\/*` does not: nearly every client sends one, also those that ask for something else.
 */
export function asksForEventStream(accept: readonly string[]): boolean {
  return accept.join().replace(QUOTED, '""').split(',').some(namesEventStream);
}

function namesEventStream(range: string): boolean {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  if (type.toLowerCase() !== EVENT_STREAM) return false;
  const weights = parameters.filter((parameter) => /^q\s*=/i.test(parameter));
  return weights.every((weight) => WEIGHT.test(weight) && !NO_WEIGHT.test(weight));
}
