const QUOTED = /^(?:"(.*)"|'(.*)')$/s;
const SCHEME = /^(?:authorization:\s*)?bearer(?:\s+|$)/i;

/** A token as people paste it: with or without quotes, white space and a line feed around it, and the scheme before it. */
export function pastedToken(text: string): string {
  let token = text.trim();
  for (let before = ''; before !== token;) {
    before = token;
    const [, double, single] = QUOTED.exec(token) ?? [];
    token = (double ?? single ?? token).trim().replace(SCHEME, '');
  }
  return token;
}
