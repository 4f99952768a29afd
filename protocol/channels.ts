// RFC 3986 §2.3.
const UNRESERVED = /^[A-Za-z0-9._~-]*$/;

/**
 * Escapes a value for use inside a channel, key or stream name, so that no value can contain `:` or spell another's name.
 * Everything but RFC 3986's unreserved characters becomes `%XX` a UTF-8 byte. Distinct values stay distinct.
 * @throws URIError when the value is not well-formed Unicode
 */
export function escapeSegment(value: string): string {
  if (UNRESERVED.test(value)) return value;
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
