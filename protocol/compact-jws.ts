/** Base64url in its one spelling: no padding, no other alphabet, and the bits that fill the last character are zero. */
const BASE64URL = '(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
const COMPACT_JWS = new RegExp(`^${BASE64URL}\\.${BASE64URL}\\.${BASE64URL}$`);

/**
 * Whether a text is spelled as a compact JWS. It has three parts of base64url "with all trailing '=' characters
 * omitted" (RFC 7515 §2, §7.1). The parts are "without the inclusion of any line breaks, whitespace, or other
 * additional characters". Decoders that are kinder let one token have many spellings. Any part may be empty; what the
 * parts say is judged elsewhere.
 */
export function isCompactJws(text: string): boolean {
  return COMPACT_JWS.test(text);
}
